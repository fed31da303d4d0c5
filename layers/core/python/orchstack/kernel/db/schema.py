"""The schema as applied, read back from the catalogue as text that compares line by line.

`schema.sql` beside this file is that text for the shipped migrations: a reader sees the whole
schema at once, a reviewer sees what a migration does to it, and a test holds the two together.
"""

from __future__ import annotations

from itertools import groupby

from psycopg.rows import dict_row

from orchstack.kernel.db.queries import load
from orchstack.kernel.db.session import AnyConnection

_HEAD = "-- The schema `app` after all migrations. Written by `make generate`; do not edit.\n"
_PARTS = (
    "constraints",
    "indexes",
    "security",
    "policies",
    "functions",
    "triggers",
    "views",
    "grants",
    "owners",
)


def dump(connection: AnyConnection) -> str:
    """Describe the schema `app` of a database."""
    sql = load("orchstack.kernel.db", "catalogue.sql")
    with connection.cursor(row_factory=dict_row) as cursor:
        columns = cursor.execute(sql["columns"]).fetchall()
        tables = [
            f"create table app.{name} (\n" + ",\n".join(row["line"] for row in rows) + "\n);"
            for name, rows in groupby(columns, key=lambda row: row["owner"])
        ]
        parts = [[row["line"] for row in cursor.execute(sql[name]).fetchall()] for name in _PARTS]
    return (
        "\n".join([_HEAD, "\n\n".join(tables), *("\n" + "\n".join(p) for p in parts if p)]) + "\n"
    )
