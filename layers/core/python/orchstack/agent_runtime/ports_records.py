"""What is needed of runs beside their drivers: to follow, compare and erase them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol
from uuid import UUID

from orchstack.agent_runtime.model.pulse import Pulse
from orchstack.agent_runtime.model.runs import Run
from orchstack.agent_runtime.model.steps import Step
from orchstack.kernel.events import Announcement


class Archive(Protocol):
    """Reads runs that others write, and takes the texts out of those that are over."""

    def transaction(self, tenant_id: UUID) -> AbstractContextManager[object]:
        """Commit what is done inside at its end; undo it on an error. Raises Unavailable."""

    def pulse(self, tenant_id: UUID, run_id: UUID, *, since: int) -> Pulse:
        """Tell cheaply how a run and its steps from number `since` on stand. Raises NotFound."""

    def run(self, tenant_id: UUID, run_id: UUID) -> Run:
        """Give a run. Raises NotFound."""

    def steps(
        self, tenant_id: UUID, run_id: UUID, *, since: int = 1, limit: int | None = None
    ) -> tuple[Step, ...]:
        """Give the steps of a run from number `since` on, in order."""

    def family(self, tenant_id: UUID, run_id: UUID) -> tuple[UUID, ...]:
        """Give a run and all that were asked for by it and by those, the run itself first."""

    def of_session(self, tenant_id: UUID, session_id: UUID) -> tuple[UUID, ...]:
        """Give the runs of a session, oldest first."""

    def attached_elsewhere(self, tenant_id: UUID, run_id: UUID, sha256: str) -> bool:
        """Tell whether another run that is not erased has the attachment too."""

    def rewrite(self, run: Run, steps: Sequence[Step], announcement: Announcement) -> bool:
        """Put a run that is over and its steps in the place of what is kept.

        False if it was erased meanwhile: then nothing is written or announced.
        """
