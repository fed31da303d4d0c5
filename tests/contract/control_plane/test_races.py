"""Several callers at once, over PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime
from itertools import count
from typing import Any, TypeVar

import pytest

from orchstack.control_plane.adapters.in_memory_limiter import InMemoryRateLimiter
from orchstack.control_plane.adapters.postgres import PostgresAgents, PostgresKeys, PostgresTenants
from orchstack.control_plane.adapters.postgres_canaries import PostgresCanaries
from orchstack.control_plane.service.agents import AgentDirectory
from orchstack.control_plane.service.keys import KeyAdministration
from orchstack.kernel.clock import SystemClock
from orchstack.kernel.db.connect import connector
from orchstack.kernel.db.session import Database
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
