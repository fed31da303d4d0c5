"""Replays of runs at random over a real journal: are all decisions made as they were made?"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from orchstack.kernel.db.connect import connector
from orchstack.kernel.db.migrate import migrate
from orchstack.kernel.db.session import Database
from orchstack.kernel.observability import logger
from orchstack.kernel.settings import DatabaseSettings
from orchstack.local.postgres import PostgresServer, create_database
from tests.contract.agent_runtime.archives import replayed
from tests.contract.agent_runtime.worlds import in_postgres
from tests.faults.agent_runtime.random_runs import RandomRun, chatty, touched

NAME = "replays"


@dataclass
class Tally:
    """What was found: runs replayed, identical ones, and what they were like."""

    runs: int = 0
    identical: int = 0
    decisions: int = 0
    # Runs that a changed loop would have ended otherwise, and those where a replay found that.
    touched: int = 0
    found: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        """As a person reads it."""
        return (
            f"{self.identical} of {self.runs} runs identical, {self.decisions} decisions "
            f"({_told(self.kinds)}); ends: {_told(self.reasons)}; a changed loop is found in "
            f"{self.found} of the {self.touched} runs that it touches"
        )


def measure(runs: int, seed: str = "replay") -> Tally:
    """Make so many runs, each from its own number, and replay them."""
    tally = Tally()
    with _database() as database:
        for number in range(runs):
            _one(RandomRun.of(f"{seed} {number}"), database, tally)
    return tally


def _one(made: RandomRun, database: Database, tally: Tally) -> None:
    stage = in_postgres(database, made.script(), **made.document())
    run = made.play(stage)
    report = replayed(stage, run.id)
    whole = report.identical and report.decisions[-1].seq == run.steps[-1].seq
    tally.runs += 1
    tally.identical += whole and report == replayed(stage, run.id)
    tally.decisions += len(report.decisions)
    tally.kinds.update(decision.kind for decision in report.decisions)
    tally.reasons[str(run.finish_reason)] += 1
    if touched(run):
        tally.touched += 1
        tally.found += not replayed(stage, run.id, chatty).identical


@contextmanager
def _database() -> Iterator[Database]:
    logger.setLevel("ERROR")
    folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
    with folder as name, PostgresServer(Path(name) / "postgres", durable=False) as server:
        create_database(server.dsn(dbname="postgres"), NAME)
        migrate(server.dsn(dbname=NAME))
        settings = DatabaseSettings(
            host=server.host, port=server.port, name=NAME, auth="trust", tls="off"
        )
        with closing(Database(connector(settings))) as database:
            yield database


def _told(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.most_common())
