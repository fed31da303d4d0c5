"""What the agent runtime needs from the world."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from orchstack.agent_runtime.model.events import Outcome
from orchstack.agent_runtime.model.runs import KeyedRun, Lease, RequestKey, Run, RunFilter
from orchstack.agent_runtime.model.steps import Step
from orchstack.kernel.agents import EffectiveAgent, GuardPolicy
from orchstack.kernel.chat import ChatEvent, ChatRequest, Message, MicroDollars, ToolCall, ToolSpec
from orchstack.kernel.clock import Clock
from orchstack.kernel.events import Announcement


class AgentDirectory(Protocol):
    """Knows the agents of a tenant."""

    def effective(
        self, tenant_id: UUID, agent: str, version: int | None, *, sticky: str = ""
    ) -> EffectiveAgent:
        """Find a version of an agent; without one, the live one. Raises NotFound.

        During a canary `sticky` (the session, else the run) decides: the same one, the same arm.
        """


class Models(Protocol):
    """Calls models."""

    def stream(
        self, tenant_id: UUID, request: ChatRequest, *, deadline: float
    ) -> Iterator[ChatEvent]:
        """Answer with pieces of text that add up to the message's, then exactly one Completion.

        Pieces may be empty: then the model is at work all the same.
        `deadline` is Unix time in seconds. Raises NoProviderAvailable, DeadlineExceeded.
        """

    def worst_cost(self, request: ChatRequest) -> MicroDollars:
        """The most the call can cost. Raises NoProviderAvailable if nobody serves the model."""


class ToolResult(Protocol):
    """What a tool answered; an error is told to the model, which may try otherwise."""

    @property
    def content(self) -> str:
        """The text for the model."""

    @property
    def is_error(self) -> bool:
        """Whether the call failed."""


class Tools(Protocol):
    """Calls tools."""

    def specs(self, names: Sequence[str]) -> tuple[ToolSpec, ...]:
        """Describe tools to a model. Raises InvalidDocument for an unknown one."""

    def call(
        self, tenant_id: UUID, call: ToolCall, *, idempotency_key: str, deadline: float
    ) -> ToolResult:
        """Call a tool; the same key twice has one effect. `deadline` is Unix time in seconds."""


class Checked(Protocol):
    """Text that may pass."""

    @property
    def text(self) -> str:
        """The text, less what was redacted."""

    @property
    def findings(self) -> Mapping[str, int]:
        """What was found in it, counted by kind."""


class OutputFilter(Protocol):
    """Lets a stream of text pass, less what the policy forbids."""

    def feed(self, delta: str) -> str:
        """Take a piece, give what may go out now. Raises ContentBlocked."""

    def finish(self) -> str:
        """Give what was held back. Raises ContentBlocked."""

    @property
    def findings(self) -> Mapping[str, int]:
        """What was found so far, counted by kind."""


class Guards(Protocol):
    """Checks text on the way in and out."""

    def check_input(self, text: str, policy: GuardPolicy) -> Checked:
        """Check a user's words. Raises ContentBlocked, or PayloadTooLarge above the size limits."""

    def check_tool_result(self, text: str, policy: GuardPolicy) -> Checked:
        """Check what a tool said before a model reads it."""

    def output_filter(self, policy: GuardPolicy) -> OutputFilter:
        """Make the filter for one answer of a model."""


class SessionMemory(Protocol):
    """Remembers the turns of a session."""

    def recall(self, tenant_id: UUID, session_id: UUID, limit: int) -> tuple[Message, ...]:
        """Give the last turns, oldest first; none for a session nobody knows."""

    def remember(
        self, tenant_id: UUID, session_id: UUID, run_id: UUID, messages: Sequence[Message]
    ) -> None:
        """Add the turns of a run, in the transaction that is open."""


class Journal(Protocol):
    """Keeps runs and their steps; a write without the lease (but for `open`) raises LeaseLost."""

    def transaction(self, tenant_id: UUID) -> AbstractContextManager[object]:
        """Commit what is done inside at its end; undo it on an error. Raises Unavailable."""

    def find_key(self, tenant_id: UUID, key: str) -> KeyedRun | None:
        """Find the run that an Idempotency-Key made."""

    def open(
        self,
        run: Run,
        steps: Sequence[Step],
        announcement: Announcement,
        *,
        key: RequestKey | None,
        lease: Lease,
    ) -> bool:
        """Keep a new run and its session; False if another run has the key, and nothing is kept."""

    def claim(self, tenant_id: UUID, run_id: UUID, lease: Lease) -> Run:
        """Take a run over, unless it has ended.

        Raises NotFound, or RequestInFlight while another driver's lease lasts.
        """

    def append(
        self, run: Run, steps: Sequence[Step], announcement: Announcement, *, lease: Lease
    ) -> None:
        """Write steps (a finished one over its start) and the run's totals; renews the lease."""

    def renew(self, run: Run, lease: Lease) -> None:
        """Hold the lease for longer; for no seconds gives it back."""

    def run(self, tenant_id: UUID, run_id: UUID) -> Run:
        """Give a run. Raises NotFound."""

    def steps(self, tenant_id: UUID, run_id: UUID) -> tuple[Step, ...]:
        """Give the steps of a run, in order."""

    def page(self, tenant_id: UUID, chosen: RunFilter) -> list[Run]:
        """Give runs, newest first."""


class Outcomes(Protocol):
    """Keeps what became of each run."""

    def record(self, outcome: Outcome, *, message_id: str) -> bool:
        """Keep an outcome; False if this message was taken in before."""


class Metrics(Protocol):
    """Counts outcomes for dashboards and alarms."""

    def measure(self, outcome: Outcome) -> None:
        """Emit the figures of one run."""


@dataclass(frozen=True, kw_only=True)
class World:
    """All that a run touches."""

    agents: AgentDirectory
    models: Models
    tools: Tools
    guards: Guards
    memory: SessionMemory
    journal: Journal
    clock: Clock
