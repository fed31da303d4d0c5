"""What the outcomes of runs need from the world."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol
from uuid import UUID

from orchstack.agent_runtime.model.outcomes import (
    Judgement,
    Outcome,
    OutcomeChoice,
    OutcomePlace,
    Period,
    Review,
)
from orchstack.agent_runtime.model.reports import Grouping, UsageRow, VersionFigures
from orchstack.agent_runtime.model.runs import Run
from orchstack.agent_runtime.model.steps import Step
from orchstack.agent_runtime.model.traces import Traces
from orchstack.kernel.chat import MicroDollars
from orchstack.kernel.events import Announcement


class RunReader(Protocol):
    """Reads runs that others write."""

    def transaction(self, tenant_id: UUID) -> AbstractContextManager[object]:
        """Read as of one moment. Raises Unavailable."""

    def run(self, tenant_id: UUID, run_id: UUID) -> Run:
        """Give a run. Raises NotFound."""

    def steps(self, tenant_id: UUID, run_id: UUID) -> tuple[Step, ...]:
        """Give the steps of a run, in order."""


class Outcomes(Protocol):
    """Keeps what became of each run, and what people think of it."""

    def transaction(self, tenant_id: UUID) -> AbstractContextManager[object]:
        """Commit what is done inside at its end; undo it on an error. Raises Unavailable."""

    def record(self, outcome: Outcome) -> bool:
        """Keep an outcome; False if the run has one, which stays as it is."""

    def outcome(self, tenant_id: UUID, run_id: UUID) -> Outcome | None:
        """Give the outcome of a run, once it is recorded."""

    def review(
        self, run: Run, judgement: Judgement, *, reviewer: str, at: datetime
    ) -> Review | None:
        """Keep a review, which from now on counts; None if it says what counts already."""

    def reviews(self, tenant_id: UUID, run_id: UUID) -> tuple[Review, ...]:
        """Give the reviews of a run, newest first, a hundred at most."""

    def erase(self, run: Run) -> None:
        """Forget what reviewers wrote of a run; how they judged it stays."""

    def page(
        self,
        tenant_id: UUID,
        choice: OutcomeChoice,
        *,
        limit: int,
        before: OutcomePlace | None,
    ) -> list[tuple[Outcome, Review | None]]:
        """Give outcomes with the review that counts, the last to end first, below a place."""

    def announce(self, tenant_id: UUID, announcement: Announcement) -> None:
        """Announce a change, in the transaction that is open."""


class Reports(Protocol):
    """Adds up outcomes."""

    def usage(
        self, tenant_id: UUID, period: Period, grouping: Grouping, limit: int
    ) -> list[UsageRow]:
        """Give usage by group: days in order, else the dearest first."""

    def figures(
        self,
        tenant_id: UUID,
        agent: str,
        period: Period,
        *,
        versions: Sequence[int] | None = None,
    ) -> list[VersionFigures]:
        """Give the figures of an agent's versions, newest first, a hundred at most; no forks."""


class Metrics(Protocol):
    """Counts outcomes for dashboards and alarms."""

    def measure(self, outcome: Outcome) -> None:
        """Emit the figures of one run."""


class Canaries(Protocol):
    """Watches how the arms of weighted aliases do."""

    def observe(
        self,
        tenant_id: UUID,
        agent: str,
        version: int,
        run_id: UUID,
        *,
        failed: bool,
        cost_micro_usd: MicroDollars,
    ) -> bool:
        """Take in how a run ended, in the transaction that is open; True if a canary ended so."""


class TraceCollector(Protocol):
    """Takes traces in, at the address the operator set."""

    def send(self, traces: Traces) -> None:
        """Hand over traces; raises Unavailable where they were not taken."""


class Durable(Protocol):
    """Carries runs on where no caller waits: the state machine `agent_run`."""

    def start(self, tenant_id: UUID, run_id: UUID, n: int) -> None:
        """Begin the n-th execution for a run; the same n again begins none. Raises Unavailable."""

    def answer(self, token: str) -> bool:
        """Let the execution that waits with a token go on; False if none does.

        Raises Unavailable.
        """
