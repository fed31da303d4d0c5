"""Runs in the background at a steady rate: how many start and complete each second, without error.

The local cloud from the template carries them out: gateway, functions, state machine, database.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field

import psycopg

from tests.bench.overhead import Spread
from tests.cloud import Caller, RunningCloud
from tests.make import agent_document

CLIENTS = 4
WARM_UP = 60
# How long the last runs may take once no more are started.
DRAIN_S = 60.0


@dataclass(frozen=True)
class Throughput:
    """What a steady rate came to; `backlog` is what was not done when the last run had started."""

    starts_per_s: float
    completions_per_s: float
    backlog: int
    errors: dict[str, int]
    accepting: Spread
    completing: Spread

    def __str__(self) -> str:
        """As a table shows it."""
        errors = ", ".join(f"{count} {name}" for name, count in self.errors.items()) or "0"
        return (
            f"{self.starts_per_s:.1f} starts/s, {self.completions_per_s:.1f} completions/s, "
            f"backlog {self.backlog}, errors {errors}\n"
            f"request to 202: {self.accepting}; start to end: {self.completing}"
        )


@dataclass
class _Load:
    """Starts runs at a rate, open loop: a slow answer puts no later start off."""

    caller: Caller
    rate: float
    seconds: float
    answers_ms: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    began: float = 0.0
    ended: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _next: int = 0

    def run(self) -> None:
        """Start all runs."""
        self.began = time.monotonic()
        threads = [threading.Thread(target=self._client) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.ended = time.monotonic()

    def _client(self) -> None:
        while True:
            with self._lock:
                number, self._next = self._next, self._next + 1
            due = self.began + number / self.rate
            if due >= self.began + self.seconds:
                return
            time.sleep(max(0.0, due - time.monotonic()))
            self._start()

    def _start(self) -> None:
        began = time.monotonic()
        reply = self.caller.run("echoing", "Hello", mode="background")
        took = (time.monotonic() - began) * 1000
        with self._lock:
            self.answers_ms.append(took)
            if reply.status != 202:
                self.errors[f"status {reply.status}"] += 1


def measure(cloud: RunningCloud, *, rate: float, seconds: float) -> Throughput:
    """Start runs of the built-in echo model for so long, and wait until all are done."""
    tenant = cloud.tenant("background")
    document = agent_document(name="echoing", model="builtin/echo", tools=())
    tenant.put("/v1/agents/echoing", document.model_dump(mode="json"))
    with psycopg.connect(cloud.state["database_dsn"], autocommit=True) as database:
        _Load(tenant, rate=WARM_UP / 3, seconds=3).run()
        _drained(database)
        load = _Load(tenant, rate, seconds)
        database.execute("create temp table before as select run_id from app.runs")
        load.run()
        backlog = _count(database, "finished_at is null")
        load.errors.update(_drained(database))
        return _told(database, load, backlog)


def _told(database: psycopg.Connection, load: _Load, backlog: int) -> Throughput:
    took = load.ended - load.began
    rows = database.execute(
        """select 1000 * extract(epoch from finished_at - created_at)::float8 from app.runs
        where status = 'completed' and run_id not in (select run_id from before)"""
    ).fetchall()
    return Throughput(
        starts_per_s=len(load.answers_ms) / took,
        completions_per_s=(len(rows) - backlog) / took,
        backlog=backlog,
        errors=dict(load.errors),
        accepting=Spread.of(load.answers_ms),
        completing=Spread.of([row[0] for row in rows]),
    )


def _drained(database: psycopg.Connection) -> dict[str, int]:
    """Wait until every run is over; counts those that did not come to a good end."""
    deadline = time.monotonic() + DRAIN_S
    while time.monotonic() < deadline and _count(database, "finished_at is null"):
        time.sleep(0.2)
    left = _count(database, "finished_at is null")
    failed = _count(database, "status in ('failed', 'cancelled')")
    found = {"runs not over": left, "runs failed": failed}
    return {name: count for name, count in found.items() if count}


def _count(database: psycopg.Connection, condition: str) -> int:
    query = f"select count(*) from app.runs where {condition}"  # noqa: S608 - our own words
    row = database.execute(query.encode()).fetchone()
    return 0 if row is None else int(row[0])
