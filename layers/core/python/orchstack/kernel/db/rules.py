"""The rules of isolation, checked against a database's own catalogue.

The migration runner asks after each file, so that no file which breaks a rule is ever committed.
"""

from __future__ import annotations

from psycopg.rows import dict_row

from orchstack.kernel.db.queries import load
from orchstack.kernel.db.session import AnyConnection


def violations(connection: AnyConnection) -> list[str]:
    """Name every broken rule and what breaks it, as `rule: object`; empty if all is well."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return [
            f"{rule}: {row['object']}"
            for rule, query in load("orchstack.kernel.db", "rules.sql").items()
            for row in cursor.execute(query).fetchall()
        ]
