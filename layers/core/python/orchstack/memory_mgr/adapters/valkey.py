"""The newest messages of busy sessions in Valkey: one script, one round trip for each use."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Final
from uuid import UUID

from pydantic import TypeAdapter
from redis.exceptions import RedisClusterException, RedisError

from orchstack.kernel.cache import Script, tenant_key
from orchstack.kernel.chat import Message
from orchstack.kernel.errors import Unavailable
from orchstack.memory_mgr.model import HotMessages

if TYPE_CHECKING:
    from redis.cluster import RedisCluster

LIFE_S: Final = 3_600
MAX_BYTES: Final = 512 * 1024
MAX_MESSAGES: Final = 200
_KEEP: Final = Script(__package__, "keep.lua")
_LOOK: Final = Script(__package__, "look.lua")
_MESSAGES: Final = TypeAdapter(tuple[Message, ...])


class ValkeyHotStore:
    """Holds at most so many messages and bytes of a session, for an hour after its last use."""

    def __init__(self, connect: Callable[[], RedisCluster], *, max_bytes: int = MAX_BYTES) -> None:
        """Take the way to connect (see `kernel.cache.connect`); nothing is opened yet."""
        self._connect = connect
        self._max_bytes = max_bytes

    @cached_property
    def _client(self) -> RedisCluster:
        return self._connect()

    def read(self, tenant_id: UUID, session_id: UUID, limit: int) -> HotMessages | None:
        """Give the last `limit` messages that are held, oldest first."""
        with _reported():
            found = _LOOK.run(self._client, _keys(tenant_id, session_id), [limit])
        if not found:
            return None
        version, count, texts = found
        return HotMessages(
            version=UUID(version),
            message_count=int(count),
            messages=_MESSAGES.validate_json(f"[{','.join(texts)}]"),
        )

    def fill(self, tenant_id: UUID, session_id: UUID, newest: HotMessages) -> None:
        """Hold these messages instead of others."""
        self._hold(tenant_id, session_id, "", newest)

    def extend(self, tenant_id: UUID, session_id: UUID, before: UUID, newest: HotMessages) -> None:
        """Add messages to those of the version `before`; without these nothing is held."""
        self._hold(tenant_id, session_id, str(before), newest)

    def drop(self, tenant_id: UUID, session_id: UUID) -> None:
        """Forget a session."""
        with _reported():
            self._client.unlink(*_keys(tenant_id, session_id))

    def _hold(self, tenant_id: UUID, session_id: UUID, before: str, newest: HotMessages) -> None:
        bounds = [LIFE_S, MAX_MESSAGES, self._max_bytes]
        state: Sequence[str | int] = [before, str(newest.version), newest.message_count, *bounds]
        texts = [message.model_dump_json() for message in newest.messages]
        with _reported():
            _KEEP.run(self._client, _keys(tenant_id, session_id), [*state, *texts])


def _keys(tenant_id: UUID, session_id: UUID) -> list[str]:
    return [tenant_key(tenant_id, "session", str(session_id), part) for part in ("head", "said")]


@contextmanager
def _reported() -> Iterator[None]:
    try:
        yield
    except (RedisError, RedisClusterException) as error:
        raise Unavailable("The cache is not answering.", retry_after_s=1) from error
