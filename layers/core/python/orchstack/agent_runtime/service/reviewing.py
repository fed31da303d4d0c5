"""What people think of runs, beside what the runs took."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from orchstack.agent_runtime.model.outcomes import (
    Judgement,
    Outcome,
    OutcomeChoice,
    OutcomeDetail,
    OutcomePlace,
    OutcomeReviewed,
    OutcomeView,
    Review,
)
from orchstack.agent_runtime.model.runs import Run
from orchstack.agent_runtime.ports_outcomes import Outcomes, RunReader
from orchstack.agent_runtime.service.tables import outcome_lines
from orchstack.kernel.clock import Clock
from orchstack.kernel.events import Announcement, AuditEntry, event_of
from orchstack.kernel.ids import new_id
from orchstack.kernel.pagination import MAX_LIMIT, Page, paginate, position_of
from orchstack.kernel.tenancy import Principal

_LISTING: Final = "outcomes"
# An answer of Lambda holds 6 MB.
_MOST_BYTES: Final = 4_000_000


@dataclass(frozen=True, kw_only=True)
class Reviewing:
    """The outcomes of a tenant: read, listed, and judged."""

    runs: RunReader
    outcomes: Outcomes
    clock: Clock
    # How many pages of a hundred one table holds.
    most_pages: int = 50

    def show(self, tenant_id: UUID, run_id: UUID) -> OutcomeDetail:
        """Show what is known of a run, ended or not. Raises NotFound."""
        with self.runs.transaction(tenant_id):
            return self._detail(self.runs.run(tenant_id, run_id))

    def review(
        self, principal: Principal, run_id: UUID, judgement: Judgement, *, reviewer: str | None
    ) -> OutcomeDetail:
        """Keep a judgement; it counts until the next. The same again changes nothing.

        The reviewer is the key, unless another is named. Raises NotFound.
        """
        tenant_id, actor = principal.tenant_id, f"key:{principal.key_id}"
        with self.outcomes.transaction(tenant_id), self.runs.transaction(tenant_id):
            run = self.runs.run(tenant_id, run_id)
            at = self.clock.now()
            said = self.outcomes.review(run, judgement, reviewer=reviewer or actor, at=at)
            if said is not None:
                self.outcomes.announce(tenant_id, _announcement(run, said, actor))
            return self._detail(run)

    def page(
        self, tenant_id: UUID, choice: OutcomeChoice, *, limit: int, cursor: str | None
    ) -> Page[OutcomeView]:
        """Show recorded outcomes, the last to end first. Raises InvalidCursor."""
        before = position_of(cursor, _LISTING, _place)
        return paginate(
            self.outcomes.page(tenant_id, choice, limit=limit + 1, before=before),
            limit=limit,
            listing=_LISTING,
            position=_position,
            item=lambda judged: OutcomeView.of(*judged),
        )

    def table(
        self, tenant_id: UUID, choice: OutcomeChoice, *, cursor: str | None
    ) -> tuple[str, str | None]:
        """Write recorded outcomes as CSV, and the cursor of the rest: 5,000 rows, 4 MB at most."""
        pieces: list[str] = []
        size = 0
        while True:
            page = self.page(tenant_id, choice, limit=MAX_LIMIT, cursor=cursor)
            pieces.append(outcome_lines(page.items, with_header=not pieces))
            cursor = page.next_cursor
            size += len(pieces[-1].encode())
            if cursor is None or len(pieces) >= self.most_pages or size >= _MOST_BYTES:
                return "".join(pieces), cursor

    def _detail(self, run: Run) -> OutcomeDetail:
        outcome = self.outcomes.outcome(run.tenant_id, run.id)
        return OutcomeDetail.of_run(run, outcome, self.outcomes.reviews(run.tenant_id, run.id))


def _position(judged: tuple[Outcome, Review | None]) -> str:
    outcome, _ = judged
    return f"{outcome.finished_at.isoformat()} {outcome.run_id}"


def _place(text: str) -> OutcomePlace:
    at, _, run_id = text.partition(" ")
    moment = datetime.fromisoformat(at)
    if moment.tzinfo is None:
        raise ValueError("no zone")
    return moment, UUID(run_id)


def _announcement(run: Run, said: Review, actor: str) -> Announcement:
    data = OutcomeReviewed(
        run_id=run.id,
        agent=run.agent,
        version=run.version,
        **said.model_dump(exclude={"comment"}),
    )
    subject = f"runs/{run.id}"
    judged = said.model_dump(exclude={"comment", "reviewer", "reviewed_at"})
    entry = AuditEntry(
        id=new_id(),
        tenant_id=run.tenant_id,
        at=said.reviewed_at,
        actor=actor,
        action="outcome.review",
        subject=subject,
        outcome="succeeded",
        facts={**judged, "comment_length": len(said.comment)},
    )
    event = event_of(
        "agent_runtime", data, tenant_id=run.tenant_id, subject=subject, at=said.reviewed_at
    )
    return Announcement(events=(event,), audit=(entry,))
