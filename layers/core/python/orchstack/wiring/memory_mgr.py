"""Session memory in the process's database: what it writes joins the open transaction."""

from __future__ import annotations

from functools import cache

from orchstack.kernel.clock import SystemClock
from orchstack.kernel.tokens import estimate_tokens
from orchstack.memory_mgr.adapters.postgres import PostgresSessionMessages
from orchstack.memory_mgr.adapters.valkey import ValkeyHotStore
from orchstack.memory_mgr.service.hot import HotHistory
from orchstack.memory_mgr.service.memory import SessionMemory
from orchstack.wiring.database import database
from orchstack.wiring.valkey import valkey


@cache
def session_memory() -> SessionMemory:
    """What was said in conversations."""
    return SessionMemory(PostgresSessionMessages(database()), hot_history(), estimate_tokens)


@cache
def hot_history() -> HotHistory:
    """The newest of it, at hand in the cache."""
    return HotHistory(ValkeyHotStore(valkey), SystemClock())
