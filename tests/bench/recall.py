"""What it takes to recall and to remember in a long session: `python -m tests.bench.recall 500`.

Real PostgreSQL on disk and real Valkey, in process. Each measurement is one transaction, as a run
opens one: with the copy in the cache, without it, and with the cache away.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from uuid import UUID

import psycopg

from orchstack.kernel.chat import Message, Role
from orchstack.kernel.clock import SystemClock
from orchstack.kernel.ids import new_id
from orchstack.kernel.settings import DatabaseSettings, load
from orchstack.kernel.tokens import estimate_tokens
from orchstack.memory_mgr.adapters.in_memory import InMemoryHotStore
from orchstack.memory_mgr.adapters.postgres import PostgresSessionMessages, PostgresSessions
from orchstack.memory_mgr.adapters.valkey import ValkeyHotStore
from orchstack.memory_mgr.model import NewSession
from orchstack.memory_mgr.service import HotHistory, SessionMemory
from orchstack.wiring.database import database
from orchstack.wiring.valkey import valkey
from tests.bench.bench_run import environment
from tests.bench.overhead import Spread

MESSAGES = 200
WORDS = "What was said here is about as long as people and models write to each other. " * 5
TURN = (Message(role=Role.USER, content=WORDS), Message(role=Role.ASSISTANT, content=WORDS))
AWAY = InMemoryHotStore(away=True)


def _timed(tenant_id: UUID, act: Callable[[], object], count: int) -> Spread:
    taken = []
    for _ in range(count):
        with database().transaction(tenant_id) as tx:
            # A run's transaction is under way when it recalls.
            tx.one("select 1 as n")
            began = time.perf_counter()
            act()
            taken.append((time.perf_counter() - began) * 1000)
    return Spread.of(taken)


def _report(tenant_id: UUID, session: UUID, count: int) -> list[tuple[str, Spread]]:
    store = ValkeyHotStore(valkey)
    messages = PostgresSessionMessages(database())
    hot = SessionMemory(messages, HotHistory(store, SystemClock()), estimate_tokens)
    alone = SessionMemory(messages, HotHistory(AWAY, SystemClock()), estimate_tokens)

    def cold() -> object:
        store.drop(tenant_id, session)
        return hot.recall(tenant_id, session, MESSAGES)

    acts: list[tuple[str, Callable[[], object]]] = [
        (f"recall {MESSAGES}, hot", lambda: hot.recall(tenant_id, session, MESSAGES)),
        (f"recall {MESSAGES}, not held yet (and its drop)", cold),
        (f"recall {MESSAGES}, cache away", lambda: alone.recall(tenant_id, session, MESSAGES)),
        ("recall 20, hot", lambda: hot.recall(tenant_id, session, 20)),
        ("recall 20, cache away", lambda: alone.recall(tenant_id, session, 20)),
        ("remember a turn, cache following", lambda: _say(hot, tenant_id, session)),
        ("remember a turn, cache away", lambda: _say(alone, tenant_id, session)),
    ]
    return [(name, _timed(tenant_id, act, count)) for name, act in acts]


def _say(memory: SessionMemory, tenant_id: UUID, session: UUID) -> None:
    memory.remember(tenant_id, session, new_id(), TURN)


def main(count: int) -> None:
    """Print the median and the 99th percentile of each."""
    with environment() as caller:
        with psycopg.connect(_administrator(), autocommit=True) as admin:
            # Which runs speak is the journal's business.
            admin.execute("alter table app.session_messages disable trigger all")
        tenant_id, session = caller.tenant_id, new_id()
        wanted = NewSession(id=session, agent="a", title="", metadata={}, at=SystemClock().now())
        PostgresSessions(database()).create(tenant_id, wanted)
        memory = SessionMemory(PostgresSessionMessages(database()))
        for _ in range(MESSAGES // len(TURN)):
            _say(memory, tenant_id, session)
        for name, spread in _report(tenant_id, session, count):
            sys.stdout.write(f"{name:45} {spread.p50:6.2f} / {spread.p99:6.2f} ms\n")


def _administrator() -> str:
    given = load(DatabaseSettings)
    return f"postgresql://postgres@{given.host}:{given.port}/{given.name}"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
