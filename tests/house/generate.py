"""Writes the generated files anew; run as `make generate`. Tests find a file that was forgotten."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import psycopg

from orchstack.kernel.db import schema
from orchstack.kernel.db.migrate import migrate
from orchstack.local.postgres import PostgresServer, erase
from orchstack.wiring import event_catalogue, openapi
from tests.house.source import APPLICATION, ROOT


def main() -> None:
    """Write the schema file, the event catalogue and the JSON Schema of agents."""
    agents = json.dumps(openapi.agent_schema(), indent=2, ensure_ascii=False)
    (ROOT / "examples/agent.schema.json").write_text(f"{agents}\n", encoding="utf-8")
    event_catalogue.write(ROOT / "events/catalog")
    (APPLICATION / "kernel/db/schema.sql").write_text(_schema(), encoding="utf-8")


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
