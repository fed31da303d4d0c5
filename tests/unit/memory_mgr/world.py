"""The memory manager over stores in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from orchstack.kernel.chat import Message, Role
from orchstack.kernel.clock import ManualClock
from orchstack.kernel.ids import new_id
from orchstack.kernel.tenancy import Principal
from orchstack.memory_mgr.adapters.in_memory import (
    InMemoryAgentNames,
    InMemoryHotStore,
    InMemorySessionMessages,
    InMemorySessionRuns,
    InMemorySessions,
)
from orchstack.memory_mgr.model import Session
from orchstack.memory_mgr.service import (
    HotHistory,
    SessionDirectory,
    SessionExporter,
    SessionMemory,
)
from tests import make

TURN = (
    Message(role=Role.USER, content="17 * 23?"),
    Message(role=Role.ASSISTANT, content="391."),
)


@dataclass
class World:
    """A tenant, and all that its sessions touch."""

    caller: Principal = field(default_factory=make.principal)
    clock: ManualClock = field(default_factory=ManualClock)
    cache: InMemoryHotStore = field(default_factory=InMemoryHotStore)
    runs: InMemorySessionRuns = field(default_factory=InMemorySessionRuns)
    erased: list[UUID] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Join the parts."""
        self.store = InMemorySessions(self.clock)
        self.messages = InMemorySessionMessages(self.store)
        hot = HotHistory(self.cache, self.clock)
        self.memory = SessionMemory(self.messages, hot, len)
        self.exporter = SessionExporter(sessions=self.store, messages=self.messages)
        self.sessions = SessionDirectory(
            sessions=self.store,
            messages=self.messages,
            hot=hot,
            runs=self.runs,
            agents=InMemoryAgentNames(frozenset({"adder", "other"})),
            on_erase=lambda _, session_id: self.erased.append(session_id),
            clock=self.clock,
        )

    @property
    def tenant(self) -> UUID:
        """The tenant's id."""
        return self.caller.tenant_id

    def begin(self, agent: str = "adder", session_id: UUID | None = None) -> Session:
        """Make a session by hand."""
        return self.sessions.create(
            self.caller, agent=agent, title=None, metadata={}, session_id=session_id
        )

    def say(self, session_id: UUID, *turns: Message) -> None:
        """Remember what was said in a run."""
        self.memory.remember(self.tenant, session_id, new_id(), turns or TURN)

    def recall(self, session_id: UUID, limit: int = 100) -> list[str]:
        """Recall what was said."""
        return [m.content for m in self.memory.recall(self.tenant, session_id, limit)]
