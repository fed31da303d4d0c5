"""The hot copy of sessions: used while the cache answers, done without while it does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar
from uuid import UUID

from orchstack.kernel.clock import Clock
from orchstack.kernel.errors import Unavailable
from orchstack.kernel.observability import logger
from orchstack.memory_mgr.model import HotMessages
from orchstack.memory_mgr.ports import HotStore

ResultT = TypeVar("ResultT")
# How long a cache that failed is left alone, so that not every run waits for its time-out.
_PAUSE_S: Final = 5.0


class HotHistory:
    """What `HotStore` offers, but never an error: without the cache there is no copy."""

    def __init__(self, store: HotStore, clock: Clock) -> None:
        """Take the cache, and the clock by which it is left alone."""
        self._store = store
        self._clock = clock
        self._paused_until = float("-inf")

    def read(self, tenant_id: UUID, session_id: UUID, limit: int) -> HotMessages | None:
        """Give the last `limit` messages of the version held, or None if it holds fewer."""
        held = self._try(lambda: self._store.read(tenant_id, session_id, limit))
        if held is None or len(held.messages) < min(limit, held.message_count):
            return None
        return held

    def fill(self, tenant_id: UUID, session_id: UUID, newest: HotMessages) -> None:
        """Hold these messages instead of others."""
        self._try(lambda: self._store.fill(tenant_id, session_id, newest))

    def extend(self, tenant_id: UUID, session_id: UUID, before: UUID, newest: HotMessages) -> None:
        """Add what was said to the messages of the version before; all that was said begins anew.

        It is no harm if the transaction that added them is undone: no session has that version.
        """
        begins = len(newest.messages) == newest.message_count
        if any(message.tool_calls for message in newest.messages):
            # The table writes arguments in an order of its own; a prompt must not depend on
            # where it was read from.
            self.drop(tenant_id, session_id)
        elif begins:
            self.fill(tenant_id, session_id, newest)
        else:
            self._try(lambda: self._store.extend(tenant_id, session_id, before, newest))

    def drop(self, tenant_id: UUID, session_id: UUID) -> None:
        """Forget a session; what cannot be told to the cache is gone when it expires."""
        self._try(lambda: self._store.drop(tenant_id, session_id))

    def _try(self, call: Callable[[], ResultT]) -> ResultT | None:
        if self._clock.monotonic() < self._paused_until:
            return None
        try:
            return call()
        except Unavailable:
            self._paused_until = self._clock.monotonic() + _PAUSE_S
            logger.warning("the cache is away: sessions are recalled from the database")
            return None
