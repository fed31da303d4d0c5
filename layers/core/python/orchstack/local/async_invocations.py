"""Lambda's asynchronous invocation: a queue per cloud, two more tries, then a destination.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html. One thing
differs: the tries follow after seconds, not after one and two minutes.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from orchstack.local.background import Background
from orchstack.local.functions.model import Result, TooManyRequests, UnknownFunction
from orchstack.local.targets import Targets
from orchstack.local.values import Value

_RETRY_AFTER_S = (1.0, 2.0)
_THROTTLED_WAIT_S = (0.05, 2.0)
_WORKERS = 32

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class AsyncConfig:
    """A function's EventInvokeConfig and DeadLetterConfig; ARNs of targets, seconds."""

    max_retries: int = 2
    max_age_s: float = 6 * 3600
    on_success: str | None = None
    on_failure: str | None = None
    dead_letter: str | None = None


class AsyncInvocations:
    """Runs functions for callers who do not wait."""

    def __init__(self, invoke: Callable[[str, bytes], Result]) -> None:
        """Take what runs a function and waits for its answer."""
        self.targets = Targets(self.submit)
        self._invoke = invoke
        self._configs: dict[str, AsyncConfig] = {}
        self._known: set[str] = set()
        self._stopping = threading.Event()
        self._pool = Background(_WORKERS, "async-invocation")

    def register(self, name: str, config: AsyncConfig | None = None) -> None:
        """Make a function known, or say what follows its asynchronous invocations."""
        self._known.add(name)
        if config is not None:
            self._configs[name] = config

    def config(self, name: str) -> AsyncConfig:
        """What is configured for a function so far."""
        return self._configs.get(name, AsyncConfig())

    def submit(self, name_or_arn: str, payload: bytes) -> None:
        """Queue an invocation; raises UnknownFunction."""
        name = name_or_arn.rsplit(":function:", 1)[-1].partition(":")[0]
        if name not in self._known:
            raise UnknownFunction(f"Function not found: {name_or_arn}")
        if not self._stopping.is_set():
            self._pool.run(self._run, name, payload)

    def stop(self) -> None:
        """Begin nothing new; what runs is answered by the function service's own stop."""
        self._stopping.set()
        self._pool.stop()

    def _run(self, name: str, payload: bytes) -> None:
        config = self.config(name)
        deadline = time.monotonic() + config.max_age_s
        attempts = 0
        while True:
            result = self._unless_throttled(name, payload, deadline)
            attempts += 1
            if result is None:
                return
            if not result.error:
                if config.on_success:
                    self._tell(config.on_success, name, payload, result, attempts)
                return
            if attempts > config.max_retries or time.monotonic() > deadline:
                break
            if self._stopping.wait(_RETRY_AFTER_S[min(attempts, len(_RETRY_AFTER_S)) - 1]):
                return
        self._give_up(name, config, payload, result, attempts)

    def _unless_throttled(self, name: str, payload: bytes, deadline: float) -> Result | None:
        pause, longest = _THROTTLED_WAIT_S
        while True:
            try:
                return self._invoke(name, payload)
            except TooManyRequests:
                if time.monotonic() > deadline or self._stopping.wait(pause):
                    return None
                pause = min(pause * 2, longest)

    def _give_up(
        self, name: str, config: AsyncConfig, payload: bytes, result: Result, attempts: int
    ) -> None:
        if config.on_failure:
            self._tell(config.on_failure, name, payload, result, attempts)
        if config.dead_letter:
            reasons = {
                "RequestID": result.request_id,
                "ErrorCode": "200",
                "ErrorMessage": str(_parsed(result.payload)),
            }
            self.targets.dead_letter(config.dead_letter, payload.decode(), reasons)
        if not (config.on_failure or config.dead_letter):
            _log.error("%s failed %d times; its event is lost: %r", name, attempts, payload[:2000])

    def _tell(
        self, destination: str, name: str, payload: bytes, result: Result, attempts: int
    ) -> None:
        record = {
            "version": "1.0",
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "requestContext": {
                "requestId": result.request_id,
                "functionArn": f"{name}:$LATEST",
                "condition": "RetriesExhausted" if result.error else "Success",
                "approximateInvokeCount": attempts,
            },
            "requestPayload": _parsed(payload),
            "responseContext": {
                "statusCode": 200,
                "executedVersion": "$LATEST",
                **({"functionError": result.error} if result.error else {}),
            },
            "responsePayload": _parsed(result.payload),
        }
        self.targets.send(destination, json.dumps(record))


def _parsed(payload: bytes) -> Value:
    try:
        return json.loads(payload)
    except ValueError:
        return payload.decode(errors="replace")
