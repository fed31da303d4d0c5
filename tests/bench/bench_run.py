"""Platform time of one run with one tool call, in process: `python -m tests.bench.bench_run 500`.

Real PostgreSQL on disk, real agents, guards, tools and router with the built-in model; no HTTP, no
Lambda. What is counted is the time from the request to the answer, less the model's own.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median
from uuid import UUID

from orchstack.agent_runtime.model.runs import Ask, Stages
from orchstack.kernel.db.connect import connector
from orchstack.kernel.db.migrate import migrate
from orchstack.kernel.db.session import Database
from orchstack.kernel.ids import new_id
from orchstack.kernel.observability import logger
from orchstack.kernel.settings import DatabaseSettings, load
from orchstack.kernel.tenancy import Principal
from orchstack.local.postgres import PostgresServer, create_database
from orchstack.local.valkey import ValkeyServer
from orchstack.wiring.agent_runtime import runtime
from orchstack.wiring.control_plane import agents
from orchstack.wiring.database import database
from tests import make
from tests.bench.overhead import QUESTION, WARM_UP, Spread
from tests.functions.agent_runtime.conftest import a_tenant

NAME = "bench"


@contextmanager
def environment() -> Iterator[Principal]:
    """A migrated database with a tenant, a cache, and the environment of a function over them."""
    logger.setLevel("WARNING")
    folder, cache = tempfile.TemporaryDirectory(ignore_cleanup_errors=True), ValkeyServer()
    with folder as name, cache, PostgresServer(Path(name) / "postgres", durable=True) as server:
        create_database(server.dsn(dbname="postgres"), NAME)
        migrate(server.dsn(dbname=NAME))
        os.environ.update(
            ORCHSTACK_DATABASE_HOST=server.host,
            ORCHSTACK_DATABASE_PORT=str(server.port),
            ORCHSTACK_DATABASE_NAME=NAME,
            ORCHSTACK_DATABASE_USER="orchstack_platform",
            ORCHSTACK_DATABASE_AUTH="trust",
            ORCHSTACK_DATABASE_TLS="off",
            ORCHSTACK_CACHE_HOST=cache.host,
            ORCHSTACK_CACHE_PORT=str(cache.port),
            ORCHSTACK_CACHE_TLS="false",
            ORCHSTACK_PROVIDERS_SECRET_ARN="none",
        )
        with closing(Database(connector(load(DatabaseSettings)))) as as_platform:
            caller = a_tenant(as_platform)
        os.environ["ORCHSTACK_DATABASE_USER"] = "orchstack_app"
        yield caller
        database().close()


def run_once(caller: Principal, session_id: UUID | None) -> tuple[float, Stages]:
    """Milliseconds of one run without the model's time, and where they went."""
    ask = Ask(agent="clerk", text=QUESTION, session_id=session_id)
    began = time.perf_counter()
    run = runtime().start(caller, ask, key=None, deadline=time.time() + 60).whole()
    took = (time.perf_counter() - began) * 1000
    if run.step_count != 3:
        raise RuntimeError(f"not the run that was to be measured: {run}")
    return took - run.latency_ms.model, run.latency_ms


def measure(caller: Principal, runs: int, *, in_session: bool) -> str:
    """Run so often, warm; gives the spread, and the median of each stage."""
    document = make.agent_document(name="clerk", model="builtin/echo", tools=("calculator",))
    agents().publish(caller, "clerk", document)
    session_id = new_id() if in_session else None
    for _ in range(WARM_UP):
        run_once(caller, session_id)
    measured = [run_once(caller, session_id) for _ in range(runs)]
    medians = {
        name: median(getattr(stages, name) for _, stages in measured)
        for name in Stages.model_fields
    }
    where = ", ".join(f"{name} {value:.2f}" for name, value in medians.items())
    return f"{Spread.of([took for took, _ in measured])}; medians: {where}"


def main(runs: int) -> None:
    """Print what a run takes alone, and as one of many in a session."""
    with environment() as caller:
        for in_session in (False, True):
            line = measure(caller, runs, in_session=in_session)
            sys.stdout.write(f"{'in a session' if in_session else 'alone':12} {line}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
