"""The nudge over Valkey and SQS: at most one message in five seconds, however many commit."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from orchstack.kernel.aws import Client, client
from orchstack.kernel.observability import logger

if TYPE_CHECKING:
    from redis.cluster import RedisCluster

FLAG = "{outbox}:nudged"
FLAG_SECONDS = 5
# How long a cache that failed is left alone, so that not every request waits for its time-out.
PAUSE_SECONDS = 5.0
# The relay starts a second later, so that one drain takes along what commits in that second.
DELAY_SECONDS = 1


class QueueNudge:
    """Wakes the relay by a delayed SQS message; a failure is logged, the minute sweep covers it."""

    def __init__(self, cache: Callable[[], RedisCluster], queue_url: str) -> None:
        """Take the way to Valkey, used on the first nudge, and the relay's queue."""
        self._cache = cache
        self._queue_url = queue_url
        self._paused_until = float("-inf")

    def nudge(self) -> None:
        """Send a message, unless one was sent within five seconds and is not taken up yet."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            if self._flagged():
                self._sqs.send_message(
                    QueueUrl=self._queue_url, MessageBody="{}", DelaySeconds=DELAY_SECONDS
                )
        except (BotoCoreError, ClientError) as error:
            logger.warning("nudge not sent", extra={"reason": type(error).__name__})

    def clear(self) -> None:
        """Drop the flag, so that the next commit nudges."""
        from redis.exceptions import RedisClusterException, RedisError

        try:
            self._cache().delete(FLAG)
        except (RedisError, RedisClusterException) as error:
            logger.warning("nudge flag not cleared", extra={"reason": type(error).__name__})

    def _flagged(self) -> bool:
        """Raise the flag; whoever raises it first nudges. Without Valkey everybody does."""
        from redis.exceptions import RedisClusterException, RedisError

        if time.monotonic() < self._paused_until:
            return True
        try:
            return bool(self._cache().set(FLAG, "1", nx=True, ex=FLAG_SECONDS))
        except (RedisError, RedisClusterException) as error:
            self._paused_until = time.monotonic() + PAUSE_SECONDS
            logger.warning("nudge flag not set", extra={"reason": type(error).__name__})
            return True

    @cached_property
    def _sqs(self) -> Client:
        return client("sqs")
