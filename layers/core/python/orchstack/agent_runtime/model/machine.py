"""What the state machine `agent_run` and its functions say to each other."""

from __future__ import annotations

from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from orchstack.agent_runtime.model.runs import Run
from orchstack.agent_runtime.model.steps import RunStatus
from orchstack.kernel.frozen import Frozen

# An execution may write 25,000 events of history: a poll of a queued run writes 9, and a function
# that is throttled writes 3 more each time it is tried again.
MAX_ADVANCES: Final = 1_000
LONGEST_POLL_S: Final = 15

MachineStatus = Literal["queued", "running", "waiting", "finished", "failed"]


class RunReference(Frozen):
    """Names a run to the state machine that carries it on; what else it knows is not ours."""

    model_config = ConfigDict(extra="ignore")

    tenant_id: UUID
    run_id: UUID
    # Which of the executions that were started for the run this is, and how often it rolled over
    # into a fresh one. Names of executions are made of both.
    start: int = 0
    roll: int = 0
    # Commands since this execution began.
    advances: int = 0
    # How often in a row the run could not be carried on.
    polls: int = 0


class Advanced(RunReference):
    """How a run stands after one more command, in the words of the state machine."""

    status: MachineStatus
    # Seconds until the run is looked at again: until its turn may have come, or while a human may
    # still answer.
    wait_s: Annotated[int, Field(ge=0)] = 0
    # The execution has written enough history; another one goes on.
    full: bool = False

    @classmethod
    def on(cls, reference: RunReference, run: Run, *, wait_s: float = 0) -> Advanced:
        """Tell how a run stands; `wait_s` is how long a human may still take."""
        status = _MACHINE_STATUS[run.status]
        if status == "queued":
            return cls.later(reference)
        return cls._next(reference, status, wait_s=max(1, int(wait_s)) if wait_s else 0, polls=0)

    @classmethod
    def later(cls, reference: RunReference) -> Advanced:
        """Tell that the run cannot be carried on now: it is not its turn, or somebody else does."""
        polls = reference.polls + 1
        return cls._next(reference, "queued", wait_s=min(polls, LONGEST_POLL_S), polls=polls)

    @classmethod
    def _next(
        cls, reference: RunReference, status: MachineStatus, *, wait_s: int, polls: int
    ) -> Advanced:
        advances = reference.advances + 1
        full = advances >= MAX_ADVANCES and status not in ("finished", "failed")
        return cls(
            tenant_id=reference.tenant_id,
            run_id=reference.run_id,
            start=reference.start,
            roll=reference.roll + full,
            advances=advances,
            polls=polls,
            status=status,
            wait_s=wait_s,
            full=full,
        )


class Question(RunReference):
    """A run that waits for a human, and the token its execution waits with."""

    token: Annotated[str, Field(min_length=1, max_length=2048)]


_MACHINE_STATUS: Final[dict[RunStatus, MachineStatus]] = {
    RunStatus.QUEUED: "queued",
    RunStatus.RUNNING: "running",
    RunStatus.WAITING: "waiting",
    RunStatus.COMPLETED: "finished",
    RunStatus.FAILED: "failed",
    RunStatus.CANCELLED: "finished",
}
