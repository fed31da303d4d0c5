"""The connection to Valkey; opened on first use, in cluster mode as ElastiCache Serverless is.

Every key begins with the tenant's hash tag, `{<tenant uuid>}:`, so that the keys of one tenant
share a slot and a script can touch several of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from uuid import UUID

from orchstack.kernel.settings import CacheSettings

if TYPE_CHECKING:
    from redis.cluster import RedisCluster


def connect(settings: CacheSettings) -> RedisCluster:
    """Open a client; raises redis' ConnectionError if no node answers within the time-out."""
    from redis.backoff import ExponentialWithJitterBackoff
    from redis.cluster import RedisCluster
    from redis.retry import Retry

    return RedisCluster(
        host=settings.host,
        port=settings.port,
        ssl=settings.tls,
        socket_timeout=settings.timeout_s,
        socket_connect_timeout=settings.timeout_s,
        retry=Retry(ExponentialWithJitterBackoff(base=0.01, cap=0.2), retries=2),
        decode_responses=True,
    )


def tenant_key(tenant_id: UUID, *parts: str) -> str:
    """Name a key of one tenant, in the tenant's own slot."""
    return ":".join((f"{{{tenant_id}}}", *parts))


class Script:
    """A script that Valkey runs as one step; all its keys are of one tenant."""

    def __init__(self, package: str, name: str) -> None:
        """Read the file `name` of a package."""
        self._text = files(package).joinpath(name).read_text(encoding="utf-8")
        # The name Valkey knows a script by; not a matter of security.
        self._sha = hashlib.sha1(self._text.encode(), usedforsecurity=False).hexdigest()

    def run(
        self, client: RedisCluster, keys: Sequence[str], arguments: Sequence[str | int]
    ) -> list[Any]:
        """Run it and give its list; raises redis' errors. Its text is sent only where it is new."""
        from redis.exceptions import NoScriptError

        given = [*keys, *map(str, arguments)]
        try:
            return list(client.evalsha(self._sha, len(keys), *given))
        except NoScriptError:
            return list(client.eval(self._text, len(keys), *given))
