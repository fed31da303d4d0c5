"""What the agent runtime needs from the world."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from orchstack.agent_runtime.model.holding import AdriftRun, Claim
from orchstack.agent_runtime.model.runs import KeyedRun, Lease, RequestKey, Run, RunFilter
from orchstack.agent_runtime.model.steps import Step
from orchstack.agent_runtime.ports_contexts import ContextPorts
from orchstack.kernel.agents import EffectiveAgent, GuardPolicy
from orchstack.kernel.blobs import Blobs
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


class Documents(Protocol):
    """Reads files that are no plain text."""

    def read(self, name: str, data: bytes, *, max_chars: int) -> str:
        """Give a file's text. Raises UnreadableAttachment."""


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
    """Keeps runs and their steps; a write by a driver without the lease raises LeaseLost."""

    def transaction(self, tenant_id: UUID) -> AbstractContextManager[object]:
        """Commit what is done inside at its end; undo it on an error. Raises Unavailable."""

    def find_key(self, tenant_id: UUID, key: str) -> KeyedRun | None:
        """Find the run that an Idempotency-Key made."""

    def active_in_session(self, tenant_id: UUID, session_id: UUID, agent: str) -> UUID | None:
        """Give the oldest run of a session that is not over; begins the session if it is new.

        Until the transaction that is open ends, nobody else learns this of the session, so of two
        runs that begin at once only one finds it free.
        """

    def open(
        self,
        run: Run,
        steps: Sequence[Step],
        announcement: Announcement,
        *,
        key: RequestKey | None,
        lease: Lease | None,
    ) -> bool:
        """Keep a new run and its session; without a lease it is nobody's.

        False if another run has the key, and nothing is kept.
        """

    def claim(self, tenant_id: UUID, run_id: UUID, lease: Lease) -> Claim:
        """Take a run over, unless it has ended.

        Raises NotFound, RequestInFlight while another driver's lease lasts, and NotYourTurn if it
        is queued, not to be cancelled, and another run of its session is under way or came before.
        """

    def append(
        self,
        run: Run,
        steps: Sequence[Step],
        announcement: Announcement,
        *,
        lease: Lease,
        wake_at: datetime | None = None,
        with_history: bool = False,
    ) -> bool:
        """Write steps (a finished one over its start) and the run's record; renews the lease.

        `wake_at` is when a sweeper has to look at the run: of a wait, its end. The history is
        written only if asked for: when the run leaves the queue. Gives whether somebody asked for
        the run to be cancelled.
        """

    def note(self, run: Run, step: Step, lease: Lease) -> bool:
        """Write down how far a started call of a model has come; renews the lease.

        That is its text so far, its attempt, and what is lost; the journal does not move by it.
        Gives whether somebody asked for the run to be cancelled.
        """

    def renew(self, run: Run, lease: Lease) -> bool:
        """Hold the lease for longer; gives whether somebody asked for the run to be cancelled."""

    def release(self, run: Run, lease: Lease, *, orderly: bool) -> None:
        """Give the lease back; in good order, this driver does not count among the tries."""

    def cancel_requested(self, tenant_id: UUID, run_id: UUID) -> bool:
        """Tell whether somebody asked for the run to be cancelled: cheap, to be asked often."""

    def request_cancel(
        self, tenant_id: UUID, run_id: UUID, announcement: Announcement
    ) -> tuple[UUID, ...]:
        """Ask for a run, and all that it asked for, to be cancelled.

        Gives those that are not over, this one first: their drivers see it with the next write. If
        the run itself is over, nothing is asked or announced. Raises NotFound.
        """

    def children(self, tenant_id: UUID, run_id: UUID) -> tuple[Run, ...]:
        """Give the runs that a run asked for, in the order of their ids, without their history."""

    def count_start(self, tenant_id: UUID, run_id: UUID) -> int:
        """Count an execution of the state machine that is about to be started; gives its number."""

    def set_task_token(self, tenant_id: UUID, run_id: UUID, token: str) -> bool:
        """Keep what the state machine waits with; False if the run does not wait any more."""

    def take_task_token(self, tenant_id: UUID, run_id: UUID) -> str | None:
        """Give what the state machine waits with, once."""

    def run(self, tenant_id: UUID, run_id: UUID) -> Run:
        """Give a run. Raises NotFound."""

    def steps(self, tenant_id: UUID, run_id: UUID) -> tuple[Step, ...]:
        """Give the steps of a run, in order."""

    def page(self, tenant_id: UUID, chosen: RunFilter) -> list[Run]:
        """Give runs, newest first."""


class Sweepings(Protocol):
    """Finds runs of all tenants that nobody drives; wants the platform role."""

    def adrift(self, before: datetime, limit: int) -> tuple[AdriftRun, ...]:
        """Give runs that are not over and that nobody has held since a time, longest first.

        A run that waits for a human comes when its time to answer ended before; a queued one when
        its turn has come; one that is to be cancelled when it was asked to before.
        """


class SweepMetrics(Protocol):
    """Counts what sweeps find, for dashboards and alarms."""

    def swept(self, found: int, started: int) -> None:
        """Emit how many runs were adrift, and for how many of them the machine was started."""


class Durable(Protocol):
    """Carries runs on where no caller waits: the state machine `agent_run`."""

    def start(self, tenant_id: UUID, run_id: UUID, n: int) -> None:
        """Begin the n-th execution for a run; the same n again begins none. Raises Unavailable."""

    def answer(self, token: str) -> bool:
        """Let the execution that waits with a token go on; False if none does.

        Raises Unavailable.
        """


@dataclass(frozen=True, kw_only=True)
class World:
    """All that a run touches."""

    agents: AgentDirectory
    models: Models
    tools: Tools
    guards: Guards
    memory: SessionMemory
    journal: Journal
    durable: Durable
    context: ContextPorts
    blobs: Blobs
    documents: Documents
    clock: Clock
    # Waits so many seconds.
    pause: Callable[[float], None] = time.sleep
    # Closes what the calling thread opened of the world.
    hang_up: Callable[[], None] = lambda: None
