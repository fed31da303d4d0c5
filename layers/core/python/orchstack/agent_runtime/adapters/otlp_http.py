"""A collector of traces, over OTLP/HTTP with JSON: https://opentelemetry.io/docs/specs/otlp/."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final

from urllib3 import PoolManager, Timeout
from urllib3.exceptions import HTTPError

from orchstack.agent_runtime.model.traces import Traces
from orchstack.kernel.errors import Unavailable
from orchstack.kernel.observability import logger

_PATIENCE: Final = Timeout(connect=3, read=10)
_MOST_ANSWER: Final = 64 * 1024


class OtlpCollector:
    """Posts traces; what it refuses is tried again by the queue, and ends in its dead letters."""

    def __init__(self, endpoint: str, headers: Callable[[], Mapping[str, str]]) -> None:
        """Take the whole address, and where to read the headers, which is done for each batch."""
        self._endpoint = endpoint
        self._headers = headers
        self._pool = PoolManager(retries=False, timeout=_PATIENCE)

    def send(self, traces: Traces) -> None:
        """Hand over traces; raises Unavailable where they were not taken."""
        headers = {
            **self._headers(),
            "content-type": "application/json",
            "content-encoding": "gzip",
        }
        body = gzip.compress(traces.model_dump_json(by_alias=True).encode())
        try:
            response = self._pool.request(
                "POST", self._endpoint, body=body, headers=headers, preload_content=False
            )
            with response:
                answer = response.read(_MOST_ANSWER)
        except HTTPError as error:
            raise Unavailable("The collector of traces is not answering.") from error
        if not HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
            raise Unavailable(f"The collector of traces answered {response.status}.")
        _tell_of_rejected(answer)

    def close(self) -> None:
        """Let go of the connections."""
        self._pool.clear()


def _tell_of_rejected(answer: bytes) -> None:
    """Log what the collector left out: the protocol forbids to send that again."""
    try:
        partial = json.loads(answer or b"{}").get("partialSuccess") or {}
    except (ValueError, AttributeError):
        return
    if partial.get("rejectedSpans") or partial.get("errorMessage"):
        logger.warning(
            "the collector rejected spans",
            extra={
                "rejected": str(partial.get("rejectedSpans", 0)),
                "reason": str(partial.get("errorMessage", ""))[:500],
            },
        )
