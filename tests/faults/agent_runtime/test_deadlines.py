"""No run is lost, however short the time of the functions that carry it on."""

from __future__ import annotations

from orchstack.kernel.db.session import Database
from tests.faults.agent_runtime.deadlines import hurry
from tests.faults.agent_runtime.whole import memory, postgres


def test_no_deadline_loses_a_run() -> None:
    """Cut off by its deadline, or killed: it goes on elsewhere, and nothing is done twice."""
    found = hurry(memory(), 100)

    assert (100, 0, 1) == (found.runs, found.lost, found.effects)
    assert min(found.killed, found.cut, found.swept) > 10


def test_no_deadline_loses_a_run_in_postgres(
    database: Database, platform_database: Database
) -> None:
    """Likewise; `python -m tests.bench deadlines` takes a thousand."""
    found = hurry(postgres(database, platform_database), 20)

    assert (20, 0, 1) == (found.runs, found.lost, found.effects)
