"""The one Valkey client of a process."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from orchstack.kernel.cache import connect
from orchstack.kernel.settings import CacheSettings, load

if TYPE_CHECKING:
    from redis.cluster import RedisCluster


@cache
def valkey() -> RedisCluster:
    """The process's client; connects at once, and on the next call if that failed."""
    return connect(load(CacheSettings))
