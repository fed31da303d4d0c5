"""What became of a run: what it took, measured once when it ends, and what people think of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from orchstack.agent_runtime.model.runs import Mode, Run, Stages
from orchstack.agent_runtime.model.steps import FinishReason, RunStatus
from orchstack.kernel.agents import LABEL_NAME, NO_NUL, AgentName
from orchstack.kernel.chat import MicroDollars, Usage
from orchstack.kernel.frozen import Frozen

# A million dollars either way.
_MOST_VALUE = 1_000_000_000_000

Score = Annotated[float, Field(ge=0, le=1, description="How good, from 0 to 1.")]
Label = Annotated[str, Field(pattern=LABEL_NAME, description="A word to find it by.")]
BusinessValue = Annotated[
    int,
    Field(
        ge=-_MOST_VALUE, le=_MOST_VALUE, description="What it was worth, in millionths of a dollar."
    ),
]
Reviewer = Annotated[str, Field(min_length=1, max_length=200, pattern=NO_NUL)]
Comment = Annotated[str, Field(max_length=2_000, pattern=NO_NUL)]


class GuardCounts(Frozen):
    """How often the guards decided what."""

    allowed: int = 0
    redacted: int = 0
    blocked: int = 0


class ToolCounts(Frozen):
    """How many calls of tools worked, and how many did not."""

    ok: int = 0
    failed: int = 0


class Measured(Frozen):
    """What a run took: money in micro-dollars, milliseconds by stage."""

    variant: Literal["stable", "canary"] | None = None
    # None for runs that ended before this was recorded.
    key_id: UUID | None = None
    mode: Mode = Mode.WAIT
    forked: bool = False
    # Another run asked for it, and counts what it took as its own.
    nested: bool = False
    finish_reason: FinishReason
    error_code: str | None = None
    usage: Usage
    cost_micro_usd: MicroDollars
    step_count: int
    latency_ms: Stages
    guards: GuardCounts = GuardCounts()
    tools: ToolCounts = ToolCounts()
    handoffs: int = 0
    created_at: AwareDatetime | None = None
    finished_at: AwareDatetime


class Outcome(Measured):
    """The measured part of an outcome, and whose it is."""

    tenant_id: UUID
    run_id: UUID
    agent: AgentName
    version: int
    status: RunStatus

    @property
    def answered(self) -> bool:
        """Whether the run came to a whole answer: its success until somebody says otherwise."""
        answered = self.finish_reason is FinishReason.ANSWERED
        return answered and self.status is RunStatus.COMPLETED


class Judgement(Frozen):
    """What somebody says of a run; the last one said counts."""

    success: Annotated[
        bool | None, Field(description="Whether it did what it was for; else its status tells.")
    ] = None
    score: Score | None = None
    label: Label | None = None
    business_value_micro_usd: BusinessValue | None = None
    comment: Comment = ""


class Review(Judgement):
    """A judgement on record; `revision` counts the reviews of a run from 1."""

    revision: int
    reviewer: str
    reviewed_at: AwareDatetime


class OutcomeView(Frozen):
    """An outcome as the API shows it; `success` is null until a review or the run's end tells."""

    run_id: UUID
    agent: AgentName
    version: int
    status: RunStatus
    success: bool | None
    # Null until the run's end was taken in, seconds after it.
    measured: Measured | None
    review: Review | None

    @classmethod
    def of(cls, outcome: Outcome, review: Review | None) -> OutcomeView:
        """Show a recorded outcome."""
        return cls(
            run_id=outcome.run_id,
            agent=outcome.agent,
            version=outcome.version,
            status=outcome.status,
            success=succeeded(outcome, review),
            measured=measured(outcome),
            review=review,
        )


class OutcomeDetail(OutcomeView):
    """An outcome with its reviews, newest first (the last hundred)."""

    reviews: tuple[Review, ...]

    @classmethod
    def of_run(
        cls, run: Run, outcome: Outcome | None, reviews: tuple[Review, ...]
    ) -> OutcomeDetail:
        """Show what is known of a run, which may still be under way."""
        review = reviews[0] if reviews else None
        return cls(
            run_id=run.id,
            agent=run.agent,
            version=run.version,
            status=run.status,
            success=succeeded(outcome, review),
            measured=None if outcome is None else measured(outcome),
            review=review,
            reviews=reviews,
        )


def succeeded(outcome: Outcome | None, review: Review | None) -> bool | None:
    """Tell success: as reviewed, else as the run ended; None while neither is known."""
    if review is not None and review.success is not None:
        return review.success
    return None if outcome is None else outcome.answered


def measured(outcome: Outcome) -> Measured:
    """Give the measured part alone."""
    return Measured.model_validate({n: getattr(outcome, n) for n in Measured.model_fields})


class OutcomeReviewed(Frozen):
    """A run was reviewed: data of `agent_runtime.OutcomeReviewed.v1`, without the comment."""

    run_id: UUID
    agent: AgentName
    version: int
    revision: int
    success: bool | None
    score: float | None
    label: str | None
    business_value_micro_usd: int | None
    reviewer: str
    reviewed_at: AwareDatetime


# Where an outcome stands in a listing: when its run ended, and the run.
OutcomePlace = tuple[datetime, UUID]


@dataclass(frozen=True, kw_only=True)
class Period:
    """A stretch of time; its end lies outside."""

    since: datetime
    until: datetime


@dataclass(frozen=True, kw_only=True)
class OutcomeChoice:
    """Which outcomes are meant: of runs that ended in a period."""

    period: Period
    agent: str | None = None
    version: int | None = None
    label: str | None = None
