"""The one Database of a process, as the role its environment names."""

from __future__ import annotations

from functools import cache

from orchstack.kernel.db.connect import connector
from orchstack.kernel.db.session import Database
from orchstack.kernel.settings import DatabaseSettings, load


@cache
def database() -> Database:
    """The process's database; connects on its first statement."""
    return Database(connector(load(DatabaseSettings)))
