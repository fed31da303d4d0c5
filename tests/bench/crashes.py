"""Deaths of drivers at every point of every kind of run, over a real journal."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from orchstack.kernel.db.connect import connector
from orchstack.kernel.db.migrate import migrate
from orchstack.kernel.db.session import Database
from orchstack.kernel.observability import logger
from orchstack.kernel.settings import DatabaseSettings
from orchstack.local.postgres import PostgresServer, create_database
from tests.faults.agent_runtime.enumerating import Tally, deaths, freezes, two_deaths
from tests.faults.agent_runtime.plays import Driver
from tests.faults.agent_runtime.scenarios import SCENARIOS, Scenario
from tests.faults.agent_runtime.whole import Ground, memory, postgres

NAME = "crashes"
COLUMNS = ("run", "driver", "points", "resumed", "effects a wish", "uses of a key")
Row = tuple[str, ...]
Enumerate = Callable[[Ground, Scenario, Driver], Tally]


def measure(pairs: int) -> Iterator[tuple[str, Iterator[Row]]]:
    """Tables: deaths at every point, drivers that stand still there, and pairs of deaths."""
    with real() as ground:
        for here in (memory(), ground):
            yield f"killed, {here.name}", _table(here, deaths)
            yield f"stopped until another was at it, {here.name}", _table(here, freezes)
            yield f"two killed in turn, {here.name}", _pairs(here, pairs)


def _table(ground: Ground, enumerate_: Enumerate) -> Iterator[Row]:
    whole = Tally()
    for scenario in SCENARIOS:
        for driver in Driver:
            found = enumerate_(ground, scenario, driver)
            whole.add(found)
            yield scenario.name, driver.value, *_figures(found)
    yield "all", "", *_figures(whole)


def _pairs(ground: Ground, pairs: int) -> Iterator[Row]:
    whole = Tally()
    for number in range(pairs):
        whole.add(two_deaths(ground, f"two {number}"))
    yield f"{pairs} at random", "at random", *_figures(whole)


def _figures(found: Tally) -> Row:
    missed = f" ({len(found.missed)} missed)" if found.missed else ""
    return f"{found.points}{missed}", str(found.resumed), str(found.effects), str(found.calls)


@contextmanager
def real() -> Iterator[Ground]:
    """Plays over a PostgreSQL server of their own."""
    logger.setLevel("ERROR")
    folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
    with folder as name, PostgresServer(Path(name) / "postgres", durable=False) as server:
        create_database(server.dsn(dbname="postgres"), NAME)
        migrate(server.dsn(dbname=NAME))
        settings = DatabaseSettings(
            host=server.host, port=server.port, name=NAME, auth="trust", tls="off"
        )
        as_platform = settings.model_copy(update={"user": "orchstack_platform"})
        with (
            closing(Database(connector(settings))) as application,
            closing(Database(connector(as_platform))) as platform,
        ):
            yield postgres(application, platform)
