"""Everything a run touches, in memory or over PostgreSQL: a scripted model, counting tools."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from orchstack.agent_runtime.adapters.contexts import PostgresContexts, PostgresFactors
from orchstack.agent_runtime.adapters.in_memory import (
    InMemoryAgents,
    InMemoryTools,
    ScriptedModels,
    WordGuards,
)
from orchstack.agent_runtime.adapters.in_memory_contexts import in_memory_context
from orchstack.agent_runtime.adapters.in_memory_durable import InMemoryDurable
from orchstack.agent_runtime.adapters.in_memory_journal import InMemoryJournal
from orchstack.agent_runtime.adapters.pdf import PdfText
from orchstack.agent_runtime.adapters.postgres import PostgresJournal
from orchstack.agent_runtime.driver import RunDriver
from orchstack.agent_runtime.driver.runner import LEASE_SECONDS
from orchstack.agent_runtime.loop.poison import MAX_TRIES
from orchstack.agent_runtime.model.events import LiveEvent
from orchstack.agent_runtime.model.runs import Ask, RequestKey, RunView
from orchstack.agent_runtime.ports import Journal, World
from orchstack.agent_runtime.ports import SessionMemory as SessionMemoryPort
from orchstack.agent_runtime.ports_contexts import ContextPorts
from orchstack.agent_runtime.service import AgentRuntime, RunRecords
from orchstack.kernel.blobs import InMemoryBlobs
from orchstack.kernel.chat import Completion, Message, Role, ToolCall, Usage
from orchstack.kernel.clock import Clock, ManualClock, SystemClock
from orchstack.kernel.db.session import Database
from orchstack.kernel.errors import OrchStackError
from orchstack.kernel.tenancy import Principal
from orchstack.memory_mgr.adapters.postgres import PostgresSessionMessages
from orchstack.memory_mgr.service import SessionMemory
from tests import make

Script = Sequence[Completion | OrchStackError]


def says(text: str, *, cost: int = 3, **changes: Any) -> Completion:
    """A model's answer."""
    given = {
        "message": Message(role=Role.ASSISTANT, content=text),
        "usage": Usage(input_tokens=10, output_tokens=5),
        "cost": cost,
        "provider": "scripted",
        "model": "scripted/one",
        "finish_reason": "stop",
    }
    return Completion.model_validate({**given, **changes})


def wishes(*calls: tuple[str, dict[str, Any]], text: str = "") -> Completion:
    """A model's wish for tools to be called."""
    wanted = tuple(
        ToolCall(id=f"call_{n}", name=name, arguments=arguments)
        for n, (name, arguments) in enumerate(calls)
    )
    message = Message(role=Role.ASSISTANT, content=text, tool_calls=wanted)
    return says("", message=message, finish_reason="tool_calls")


ONE_TOOL = (wishes(("calculator", {"expression": "17 * 23"})), says("It is 391."))


def calculate(call: ToolCall) -> str:
    """A calculator that knows one product."""
    return "391" if call.arguments == {"expression": "17 * 23"} else "0"


@dataclass(frozen=True)
class Stage:
    """A world, who acts in it, and what is looked at afterwards."""

    world: World
    principal: Principal
    models: ScriptedModels
    tools: InMemoryTools
    lease_seconds: float = LEASE_SECONDS
    max_tries: int = MAX_TRIES
    # Closes what the calling thread opened.
    hang_up: Callable[[], None] = lambda: None

    @property
    def runtime(self) -> AgentRuntime:
        """A fresh driver each time, as after a restart."""
        driver = RunDriver(self.world, lease_seconds=self.lease_seconds, max_tries=self.max_tries)
        return AgentRuntime(self.world, driver)

    @property
    def records(self) -> RunRecords:
        """The runs as they are written down."""
        return RunRecords(journal=self.world.journal)

    @property
    def tenant_id(self) -> UUID:
        """The tenant that acts."""
        return self.principal.tenant_id

    @property
    def deadline(self) -> float:
        """Far enough away."""
        return self.world.clock.now().timestamp() + 600

    def publish(self, **changes: Any) -> None:
        """Publish an agent."""
        agents = self.world.agents
        assert isinstance(agents, InMemoryAgents)
        agents.publish(self.tenant_id, make.agent_document(**changes))

    def stream(
        self, text: str = "What is 17 * 23?", *, key: RequestKey | None = None, **more: Any
    ) -> list[LiveEvent]:
        """Ask the agent and take all events."""
        ask = Ask(agent="adder", text=text, **more)
        started = self.runtime.start(self.principal, ask, key=key, deadline=self.deadline)
        return list(started.events)

    def ask(self, text: str = "What is 17 * 23?", **more: Any) -> RunView:
        """Ask the agent and wait."""
        return RunView.model_validate(self.stream(text, **more)[-1].data)

    def lasting(self, lease_seconds: float) -> Stage:
        """The same stage, with drivers that hold a run for so long."""
        return replace(self, lease_seconds=lease_seconds)


def key(text: str = "key-1", request_hash: str = "a" * 64) -> RequestKey:
    """An Idempotency-Key."""
    return RequestKey(key=text, request_hash=request_hash)


def in_memory(script: Script = ONE_TOOL, **document: Any) -> Stage:
    """A stage in memory, with a clock that stands still."""
    clock = ManualClock()
    journal = InMemoryJournal(clock)
    return _stage(script, clock, journal, journal, in_memory_context(), document)


def in_postgres(database: Database, script: Script = ONE_TOOL, **document: Any) -> Stage:
    """A stage whose journal and sessions are in PostgreSQL."""
    memory = SessionMemory(PostgresSessionMessages(database))
    context = replace(
        in_memory_context(),
        factors=PostgresFactors(database),
        contexts=PostgresContexts(database),
    )
    stage = _stage(script, SystemClock(), PostgresJournal(database), memory, context, document)
    world = replace(stage.world, hang_up=database.close)
    return replace(stage, world=world, hang_up=database.close)


def _stage(
    script: Script,
    clock: Clock,
    journal: Journal,
    memory: SessionMemoryPort,
    context: ContextPorts,
    document: dict[str, Any],
) -> Stage:
    models = ScriptedModels(script)
    tools = InMemoryTools({"calculator": calculate})
    world = World(
        agents=InMemoryAgents(),
        models=models,
        tools=tools,
        guards=WordGuards(),
        memory=memory,
        journal=journal,
        durable=InMemoryDurable(),
        context=context,
        blobs=InMemoryBlobs(),
        documents=PdfText(clock),
        clock=clock,
    )
    stage = Stage(world, make.principal(), models, tools)
    stage.publish(**document)
    return stage


def lapse(stage: Stage) -> None:
    """Let a lease of a twentieth of a second lapse."""
    if isinstance(stage.world.clock, ManualClock):
        stage.world.clock.advance(stage.lease_seconds + 0.001)
    else:
        time.sleep(stage.lease_seconds + 0.005)
