"""Session memory in the process's database: what it writes joins the open transaction."""

from __future__ import annotations

from functools import cache

from orchstack.memory_mgr.adapters.postgres import PostgresSessionMessages
from orchstack.memory_mgr.service import SessionMemory
from orchstack.wiring.database import database


@cache
def session_memory() -> SessionMemory:
    """What was said in conversations."""
    return SessionMemory(PostgresSessionMessages(database()))
