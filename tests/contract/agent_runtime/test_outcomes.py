"""What every store of outcomes does."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from orchstack.agent_runtime.adapters.in_memory_outcomes import InMemoryOutcomes
from orchstack.agent_runtime.adapters.outcomes import PostgresOutcomes
from orchstack.agent_runtime.model.events import Outcome
from orchstack.agent_runtime.model.steps import FinishReason, RunStatus
from orchstack.agent_runtime.ports import Outcomes
from orchstack.kernel.chat import Usage
from orchstack.kernel.db.session import Database
from tests.contract.agent_runtime.worlds import in_postgres
from tests.make import NOW


@pytest.fixture(params=["memory", "postgres"])
def outcomes(request: pytest.FixtureRequest) -> Outcomes:
    """The stores."""
    if request.param == "memory":
        return InMemoryOutcomes()
    return PostgresOutcomes(request.getfixturevalue("database"))


def outcome(database: Database) -> Outcome:
    """The outcome of a run that is on record."""
    stage = in_postgres(database)
    return _of(stage.tenant_id, stage.ask().id)


def _of(tenant_id: UUID, run_id: UUID) -> Outcome:
    return Outcome(
        tenant_id=tenant_id,
        run_id=run_id,
        agent="adder",
        version=1,
        status=RunStatus.COMPLETED,
        finish_reason=FinishReason.ANSWERED,
        error_code=None,
        usage=Usage(input_tokens=2, output_tokens=3),
        cost_micro_usd=5,
        step_count=3,
        latency_ms=1.5,
        finished_at=NOW,
    )


def test_a_message_is_taken_in_once(outcomes: Outcomes, database: Database) -> None:
    """The second delivery changes nothing and says so."""
    known, message_id = outcome(database), str(uuid4())

    assert outcomes.record(known, message_id=message_id)
    assert not outcomes.record(known, message_id=message_id)


def test_a_second_outcome_of_a_run_is_no_second_row(outcomes: Outcomes, database: Database) -> None:
    """Another message about the same run is taken in, and the row stays as it is."""
    known = outcome(database)

    assert outcomes.record(known, message_id=str(uuid4()))
    assert outcomes.record(known, message_id=str(uuid4()))


def test_the_row_is_what_was_told(database: Database) -> None:
    """Each figure stands in its column."""
    known = outcome(database)
    PostgresOutcomes(database).record(known, message_id=str(uuid4()))
    with database.transaction(known.tenant_id) as tx:
        row = tx.one("select * from app.outcomes where run_id = %s", (known.run_id,))

    assert row is not None
    assert (2, 3, 5, 1.5) == (
        row["input_tokens"],
        row["output_tokens"],
        row["cost_micro_usd"],
        row["latency_ms"],
    )
