"""Several callers at once, over PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime
from itertools import count
from typing import Any, TypeVar
from uuid import UUID

import pytest

from orchstack.control_plane.adapters.in_memory_limiter import InMemoryRateLimiter
from orchstack.control_plane.adapters.postgres import PostgresAgents, PostgresKeys, PostgresTenants
from orchstack.control_plane.adapters.postgres_canaries import PostgresCanaries
from orchstack.control_plane.model.canaries import CanaryEnd, CanaryRequest
from orchstack.control_plane.model.evidence import Arm
from orchstack.control_plane.ports import Canaries
from orchstack.control_plane.service.agents import AgentDirectory
from orchstack.control_plane.service.canaries import CanaryWatch
from orchstack.control_plane.service.keys import KeyAdministration
from orchstack.kernel.agents import LIVE
from orchstack.kernel.clock import SystemClock
from orchstack.kernel.db.connect import connector
from orchstack.kernel.db.session import Database
from orchstack.kernel.ids import new_id
from orchstack.kernel.settings import DatabaseSettings
from orchstack.kernel.tenancy import Principal, Scope
from tests import make
from tests.contract.control_plane.worlds import a_key, a_tenant

CALLERS = 8
T = TypeVar("T")


class Tools:
    """One tool."""

    def known(self) -> Collection[str]:
        """Give its name."""
        return ("calculator",)


Each = Callable[[Callable[[Database], T]], list[T]]


@pytest.fixture
def at_once(database_settings: DatabaseSettings) -> Each[Any]:
    """Call something by eight callers at once, each over a connection of its own."""

    def call(action: Callable[[Database], T]) -> list[T]:
        def one(_: int) -> T:
            with closing(Database(connector(database_settings))) as database:
                return action(database)

        with ThreadPoolExecutor(CALLERS) as callers:
            return list(callers.map(one, range(CALLERS)))

    return call


@pytest.fixture
def author(platform_database: Database, database: Database) -> Principal:
    """Somebody of a tenant that is there, with a key that is there."""
    tenant, key = a_tenant(), a_key(Scope.KEYS_WRITE)
    PostgresTenants(platform_database).add(tenant)
    PostgresKeys(database).add(tenant.id, key, bytes(32))
    return make.principal(tenant.id).model_copy(update={"key_id": key.id})


def _directory(database: Database) -> AgentDirectory:
    return AgentDirectory(
        PostgresAgents(database), PostgresCanaries(database), Tools(), SystemClock()
    )


def test_versions_are_numbered_without_gaps(
    at_once: Each[int], database: Database, author: Principal
) -> None:
    """Eight documents at once become the versions 1 to 8, and live names the last."""
    numbers = count()

    def publish(own: Database) -> int:
        document = make.agent_document(description=str(next(numbers)))
        return _directory(own).publish(author, "adder", document)[0].version

    versions = at_once(publish)

    assert list(range(1, CALLERS + 1)) == sorted(versions)
    assert CALLERS == _directory(database).effective(author.tenant_id, "adder", None).version


def test_one_document_becomes_one_version(
    at_once: Each[tuple[int, bool]], author: Principal
) -> None:
    """However many publish it at once, one of them makes the version."""

    def publish(own: Database) -> tuple[int, bool]:
        version, is_new = _directory(own).publish(author, "adder", make.agent_document())
        return version.version, is_new

    outcomes = at_once(publish)

    assert {1} == {version for version, _ in outcomes}
    assert 1 == sum(is_new for _, is_new in outcomes)


def test_a_key_is_revoked_once(
    at_once: Each[datetime | None], database: Database, author: Principal
) -> None:
    """All who revoke it see the same date, and one event tells of it."""

    def revoke(own: Database) -> datetime | None:
        limiter = InMemoryRateLimiter(lambda: 0.0)
        keys = KeyAdministration(PostgresKeys(own), limiter, SystemClock())
        return keys.revoke(author, author.key_id).revoked_at

    dates = set(at_once(revoke))

    kept = PostgresKeys(database).page(author.tenant_id, limit=9, before=None)
    assert [dates] == [{key.revoked_at} for key in kept]
    with database.transaction(author.tenant_id) as tx:
        assert 1 == len(tx.all("select event_id from app.outbox"))


@pytest.fixture
def canary(database: Database, author: Principal) -> Canaries:
    """The canaries of a tenant; the agent `adder` has one of version 2 beside version 1."""
    directory = _directory(database)
    for description in ("one", "two"):
        directory.publish(author, "adder", make.agent_document(description=description))
    directory.set_alias(author, "adder", LIVE, 1, CanaryRequest(version=2, weight=0.5))
    return PostgresCanaries(database)


def _observe(own: Database, author: Principal, run_id: UUID, *, failed: bool) -> bool:
    watch = CanaryWatch(PostgresCanaries(own), SystemClock())
    return watch.observe(author.tenant_id, "adder", 2, run_id, failed=failed, cost_micro_usd=3)


def test_a_run_counts_once(at_once: Each[bool], author: Principal, canary: Canaries) -> None:
    """However many tell its end at once."""
    run_id = new_id()
    at_once(lambda own: _observe(own, author, run_id, failed=True))

    kept = canary.last(author.tenant_id, "adder", LIVE)
    assert kept is not None
    assert Arm(runs=1, failures=1, cost_micro_usd=3) == kept.trial.canary


def test_no_run_is_lost(at_once: Each[None], author: Principal, canary: Canaries) -> None:
    """Each of eight callers counts ten runs at the same time."""

    def observe(own: Database) -> None:
        for _ in range(10):
            _observe(own, author, new_id(), failed=False)

    at_once(observe)

    kept = canary.last(author.tenant_id, "adder", LIVE)
    assert kept is not None
    assert Arm(runs=80, cost_micro_usd=240) == kept.trial.canary


def test_a_canary_is_rolled_back_once(
    at_once: Each[int], database: Database, author: Principal, canary: Canaries
) -> None:
    """One caller ends it and announces that, while others count and one moves the alias."""

    def observe(own: Database) -> int:
        rolled_back = sum(_observe(own, author, new_id(), failed=True) for _ in range(20))
        _directory(own).set_alias(author, "adder", LIVE, 1)
        return rolled_back

    assert 1 == sum(at_once(observe))
    kept = canary.last(author.tenant_id, "adder", LIVE)
    assert kept is not None
    assert CanaryEnd.ROLLED_BACK == kept.end
    with database.transaction(author.tenant_id) as tx:
        rows = tx.all("select event ->> 'type' as type from app.outbox order by seq")
        assert [] == tx.all("select run_id from app.canary_runs")
    told = [row["type"].split(".")[1] for row in rows]
    assert ["CanaryRolledBack"] == told[told.index("CanaryStarted") + 1 :]
