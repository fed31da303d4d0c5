"""Who may carry a run on, and which runs nobody carries on any more."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from orchstack.agent_runtime.model.runs import Run
from orchstack.agent_runtime.model.steps import RunStatus
from orchstack.kernel.errors import RequestInFlight


class NotYourTurn(RequestInFlight):
    """A run of this session that came before is under way; wait as Retry-After says."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A run that a driver has taken over.

    `tries` counts the drivers, this one included, that set about what comes next in its journal;
    those that gave it back in good order do not count. More than one: a driver died over it.
    """

    run: Run
    cancel_requested: bool = False
    tries: int = 1


@dataclass(frozen=True, kw_only=True)
class AdriftRun:
    """A run that is not over and that nobody drives, or whose wait has ended without an answer.

    `starts` counts the executions of the state machine that were started for it.
    """

    tenant_id: UUID
    run_id: UUID
    status: RunStatus
    starts: int
