"""How a fresh installation gets its first administrator."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest
from psycopg.rows import dict_row

from orchstack.control_plane.adapters.postgres_credentials import PostgresCredentials
from orchstack.control_plane.keys import platform_key
from orchstack.control_plane.service.authenticator import Authenticator
from orchstack.kernel.clock import SystemClock
from orchstack.kernel.db.session import Connection, Database
from orchstack.kernel.errors import Unauthenticated
from orchstack.kernel.tenancy import PLATFORM_TENANT, Scope
from orchstack.wiring.control_plane import let_platform_in


@pytest.fixture
def administrator(admin_dsn: str) -> Iterator[Connection]:
    """The migrations' connection, as they leave it."""
    with closing(psycopg.connect(admin_dsn, autocommit=True, row_factory=dict_row)) as connection:
        yield connection


@pytest.fixture
def authenticator(database: Database) -> Authenticator:
    """What the authorizer asks, as the application's role."""
    return Authenticator(PostgresCredentials(database), SystemClock())


def test_the_key_of_the_secret_is_let_in(
    administrator: Connection, authenticator: Authenticator
) -> None:
    """Found by the application under the row-level security of the platform's own tenant."""
    let_platform_in(administrator, "a random string")

    principal = authenticator.authenticate(platform_key("a random string"))

    assert PLATFORM_TENANT == principal.tenant_id
    assert principal.may(Scope.PLATFORM_ADMIN)


def test_every_deployment_may_repeat_it(administrator: Connection) -> None:
    """One key, one audit entry, and the connection is the administrator's again."""
    for _ in range(3):
        let_platform_in(administrator, "a random string")

    found = administrator.execute(
        "select (select count(*) from app.api_keys) as keys,"
        " (select count(*) from app.audit_entries) as entries,"
        " current_user = session_user as restored"
    ).fetchone()
    assert {"keys": 1, "entries": 1, "restored": True} == found


def test_a_rotated_secret_locks_the_old_key_out(
    administrator: Connection, authenticator: Authenticator
) -> None:
    """The next run of the migrations replaces it."""
    let_platform_in(administrator, "a random string")
    let_platform_in(administrator, "another random string")

    authenticator.authenticate(platform_key("another random string"))
    with pytest.raises(Unauthenticated):
        authenticator.authenticate(platform_key("a random string"))
