"""Fixtures for every test: real PostgreSQL and Valkey on loopback, a fresh database a test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from pytest_socket import _remove_restrictions, socket_allow_hosts
from redis.cluster import RedisCluster

from orchstack.kernel.cache import connect
from orchstack.kernel.db.connect import connector
from orchstack.kernel.db.migrate import migrate
from orchstack.kernel.db.session import Database
from orchstack.kernel.settings import CacheSettings, DatabaseSettings
from orchstack.local.postgres import PostgresServer, create_database, erase
from orchstack.local.valkey import ValkeyServer

_TEMPLATE = "orchstack_template"


@pytest.fixture(autouse=True)
def network() -> Iterator[None]:
    """Tests reach this machine only; those under tests/unit reach nothing."""
    socket_allow_hosts(["127.0.0.1", "::1"], allow_unix_socket=True)
    yield
    _remove_restrictions()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A PostgreSQL server, started once."""
    folder = tmp_path_factory.mktemp("server") / "postgres"
    with PostgresServer(folder, durable=False) as server:
        yield server
    erase(folder)


@pytest.fixture(scope="session")
def valkey() -> Iterator[ValkeyServer]:
    """A Valkey server in cluster mode, started once."""
    with ValkeyServer() as server:
        yield server


@pytest.fixture(scope="session")
def template(postgres: PostgresServer) -> str:
    """The name of a migrated database that nobody is connected to."""
    create_database(postgres.dsn(dbname="postgres"), _TEMPLATE)
    migrate(postgres.dsn(dbname=_TEMPLATE))
    return _TEMPLATE


@pytest.fixture
def make_database(postgres: PostgresServer) -> Iterator[Callable[[str | None], str]]:
    """Make databases, as copies of the template or empty, that go away with the test."""
    made: list[str] = []
    with psycopg.connect(postgres.dsn(dbname="postgres"), autocommit=True) as admin:

        def make(source: str | None) -> str:
            name = f"test_{uuid4().hex}"
            statement = sql.SQL("create database {} template {}")
            admin.execute(
                statement.format(sql.Identifier(name), sql.Identifier(source or "template1"))
            )
            made.append(name)
            return name

        yield make
        for name in made:
            admin.execute(
                sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name))
            )


@pytest.fixture
def database_name(template: str, make_database: Callable[[str | None], str]) -> str:
    """The name of a fresh copy of the migrated database."""
    return make_database(template)


@pytest.fixture
def admin_dsn(postgres: PostgresServer, database_name: str) -> str:
    """The superuser's way into the test's database: row-level security does not bind it."""
    return postgres.dsn(dbname=database_name)


@pytest.fixture
def database_settings(postgres: PostgresServer, database_name: str) -> DatabaseSettings:
    """The application's way into the test's database."""
    return DatabaseSettings(
        host=postgres.host, port=postgres.port, name=database_name, auth="trust", tls="off"
    )


@pytest.fixture
def database(database_settings: DatabaseSettings) -> Iterator[Database]:
    """The test's database as orchstack_app."""
    with closing(Database(connector(database_settings))) as database:
        yield database


@pytest.fixture
def platform_database(database_settings: DatabaseSettings) -> Iterator[Database]:
    """The test's database as orchstack_platform."""
    settings = database_settings.model_copy(update={"user": "orchstack_platform"})
    with closing(Database(connector(settings))) as database:
        yield database


@pytest.fixture
def cache_settings(valkey: ValkeyServer) -> CacheSettings:
    """The way to the Valkey server."""
    return CacheSettings(host=valkey.host, port=valkey.port, tls=False)


@pytest.fixture
def cache(cache_settings: CacheSettings) -> Iterator[RedisCluster]:
    """A client of Valkey, which is empty."""
    with closing(connect(cache_settings)) as client:
        client.flushall()
        yield client


@pytest.fixture
def function_environment(
    monkeypatch: pytest.MonkeyPatch,
    database_settings: DatabaseSettings,
    cache_settings: CacheSettings,
) -> Iterator[pytest.MonkeyPatch]:
    """The environment of a function, over the test's servers; what the wiring kept is dropped."""
    values = {
        "ORCHSTACK_DATABASE_HOST": database_settings.host,
        "ORCHSTACK_DATABASE_PORT": str(database_settings.port),
        "ORCHSTACK_DATABASE_NAME": database_settings.name,
        "ORCHSTACK_DATABASE_USER": database_settings.user,
        "ORCHSTACK_DATABASE_AUTH": "trust",
        "ORCHSTACK_DATABASE_TLS": "off",
        "ORCHSTACK_CACHE_HOST": cache_settings.host,
        "ORCHSTACK_CACHE_PORT": str(cache_settings.port),
        "ORCHSTACK_CACHE_TLS": "false",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    yield monkeypatch
    forget_wiring()


def forget_wiring() -> None:
    """Close what the wiring opened and make it read the environment anew."""
    import functools
    import sys

    from orchstack.wiring.database import database

    if database.cache_info().currsize:
        database().close()
    for name, module in list(sys.modules.items()):
        if name.startswith("orchstack.wiring."):
            for value in vars(module).values():
                if isinstance(value, functools._lru_cache_wrapper):
                    value.cache_clear()
