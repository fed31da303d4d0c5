"""Writes the generated files anew; run as `make generate`. Tests find a file that was forgotten."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import psycopg

from orchstack.kernel.db import schema
from orchstack.kernel.db.migrate import migrate
from orchstack.local.postgres import PostgresServer, erase
from orchstack.local.resources.registry import types_as_markdown
from orchstack.wiring import event_catalogue, openapi
from tests.house.source import APPLICATION, ROOT

LOCAL_CLOUD = ROOT / "docs/local-cloud.md"
_LOCAL_CLOUD = """# What the local cloud emulates

Written by `make generate` from the registry in `orchstack/local/resources`. A resource type that
is not in the list stops the start and is named. *Emulated* types do what the template says;
*stubbed* ones only have the attributes that others refer to. The local cloud runs Step Functions
(JSONPath and JSONata, Map, Parallel, task tokens, heartbeats, synchronous start), EventBridge
rules, schedules, SQS sources and Lambda's Runtime API for real.

"""


def main() -> None:
    """Write the schema file, the event catalogue, the schema of agents and the list of types."""
    LOCAL_CLOUD.write_text(local_cloud(), encoding="utf-8")
    agents = json.dumps(openapi.agent_schema(), indent=2, ensure_ascii=False)
    (ROOT / "examples/agent.schema.json").write_text(f"{agents}\n", encoding="utf-8")
    event_catalogue.write(ROOT / "events/catalog")
    (APPLICATION / "kernel/db/schema.sql").write_text(_schema(), encoding="utf-8")


def local_cloud() -> str:
    """The page that lists what the local cloud emulates."""
    return _LOCAL_CLOUD + types_as_markdown().strip() + "\n"


def _schema() -> str:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "postgres"
        with PostgresServer(home, durable=False) as server:
            migrate(server.dsn())
            with psycopg.connect(server.dsn()) as connection:
                text = schema.dump(connection)
        erase(home)
    return text


if __name__ == "__main__":
    main()
