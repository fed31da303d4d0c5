"""HTTP to one provider: pooled connections, one deadline over everything, faults in our words."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.utils import parsedate_to_datetime
from typing import Final

from urllib3 import BaseHTTPResponse, HTTPConnectionPool, HTTPSConnectionPool, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, ProtocolError
from urllib3.util import parse_url

from orchstack.kernel.clock import Clock
from orchstack.kernel.deadline_socket import DeadlineSocket
from orchstack.kernel.plain import JsonObject
from orchstack.llm_router.model import OutOfTime, ProviderFailure, ProviderSettings

CONNECT_WITHIN_S: Final = 5.0
MAX_STREAM_BYTES: Final = 64 * 1024 * 1024

_POOL_SIZE: Final = 8
_READ_SIZE: Final = 64 * 1024
_MAX_ERROR_BYTES: Final = 16 * 1024
_SETTLE_WITHIN_S: Final = 0.05
# A fault this close to the deadline is the deadline's: clocks differ by a millisecond or so.
_MOMENT_S: Final = 0.02
_EVENT_STREAM: Final = "text/event-stream"
_OK: Final = 200
_RETRYABLE: Final = frozenset({408, 409, 425, 429, *range(500, 600)})
_SENTENCES: Final = {
    400: "it refused the request as malformed; see the log for its reason.",
    401: "it refused our key; the operator has to renew it.",
    402: "the account's credit is used up; the operator has to add to it.",
    403: "our key may not use this model; the operator has to allow it.",
    404: "it knows no such model or address.",
    413: "the request is too large for it; send less.",
    422: "it refused the request as malformed; see the log for its reason.",
    429: "it limits our rate.",
}


class _Connection(HTTPConnection):
    def connect(self) -> None:
        super().connect()
        self.sock = DeadlineSocket.wrap(self.sock, self.timeout)


class _SecureConnection(HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        self.sock = DeadlineSocket.wrap(self.sock, self.timeout)


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class Answer:
    """The body of a streamed answer, as it arrives."""

    def __init__(self, response: BaseHTTPResponse) -> None:
        """Take a response whose body is not read yet."""
        self._response = response

    def pieces(self) -> Iterator[bytes]:
        """Give the bytes as they come. Raises ProviderFailure if the stream is cut or too long."""
        total = 0
        while piece := self._read(_READ_SIZE):
            total += len(piece)
            if total > MAX_STREAM_BYTES:
                raise ProviderFailure("its answer is too long.")
            yield piece

    def hurry(self, seconds: float) -> None:
        """Allow at most the given seconds for the rest."""
        sock = getattr(self._response.connection, "sock", None)
        if isinstance(sock, DeadlineSocket):
            sock.shorten(seconds)

    def settle(self) -> None:
        """Read the little that may still come, so that the connection can be used again."""
        self.hurry(_SETTLE_WITHIN_S)
        with suppress(ProviderFailure):
            while self._read(_READ_SIZE):
                pass

    def _read(self, size: int) -> bytes:
        try:
            return self._response.read1(size)
        except HTTPError as error:
            raise ProviderFailure("its answer was cut off.", retryable=True) from error


class Transport:
    """Posts to one provider."""

    def __init__(self, settings: ProviderSettings, clock: Clock) -> None:
        """Prepare; nothing is opened before the first call."""
        url = parse_url(settings.base_url)
        pool = _SecurePool if url.scheme == "https" else _Pool
        self._pool = pool(str(url.host), port=url.port, maxsize=_POOL_SIZE, retries=False)
        self._prefix = (url.path or "").rstrip("/")
        self._clock = clock
        self._headers = {
            "Content-Type": "application/json",
            "Accept": _EVENT_STREAM,
            "Accept-Encoding": "identity",
            "User-Agent": "orchstack",
        }
        if settings.api_key is not None:
            self._headers["Authorization"] = f"Bearer {settings.api_key.get_secret_value()}"

    @contextmanager
    def post(self, path: str, body: JsonObject, deadline: float) -> Iterator[Answer]:
        """Post JSON and give the streamed answer; closes the connection unless it was settled.

        `deadline` is Unix time in seconds. Raises ProviderFailure, or OutOfTime past the deadline.
        """
        response = self._send(path, json.dumps(body, separators=(",", ":")).encode(), deadline)
        try:
            yield self._checked(response)
        except ProviderFailure as failure:
            if self._time_left(deadline) > _MOMENT_S:
                raise
            raise OutOfTime("it did not finish in time.", started=failure.started) from failure
        finally:
            # Gives the connection back where the body was read to its end, else closes it.
            response.close()
            response.release_conn()

    def _send(self, path: str, body: bytes, deadline: float) -> BaseHTTPResponse:
        opened = self._pool.num_connections
        try:
            return self._ask(path, body, deadline)
        except HTTPError as error:
            if self._time_left(deadline) <= _MOMENT_S:
                raise OutOfTime("it did not answer in time.") from error
            # A kept connection may have been closed as we used it; a new one tells the truth.
            if isinstance(error, ProtocolError) and self._pool.num_connections == opened:
                return self._send(path, body, deadline)
            raise ProviderFailure("it cannot be reached.", retryable=True) from error

    def _ask(self, path: str, body: bytes, deadline: float) -> BaseHTTPResponse:
        seconds = self._time_left(deadline)
        if seconds <= 0:
            raise OutOfTime("there was no time left to ask it.")
        return self._pool.urlopen(
            "POST",
            f"{self._prefix}{path}",
            body=body,
            headers=self._headers,
            # A name may have several addresses, and TLS takes its own time: hence a quarter.
            timeout=Timeout(connect=min(CONNECT_WITHIN_S, seconds / 4), total=seconds),
            redirect=False,
            preload_content=False,
            decode_content=False,
        )

    def _checked(self, response: BaseHTTPResponse) -> Answer:
        if response.status != _OK:
            raise _refusal(response)
        kind = response.headers.get("Content-Type", "").split(";")[0].strip().lower()
        if kind != _EVENT_STREAM:
            # Without any type the head was cut off, which may not happen again.
            sentence = "it did not answer with a stream of events."
            raise ProviderFailure(sentence, retryable=not kind, note=kind)
        return Answer(response)

    def _time_left(self, deadline: float) -> float:
        return deadline - self._clock.now().timestamp()


def _refusal(response: BaseHTTPResponse) -> ProviderFailure:
    status = response.status
    words = _words(response)
    usual = f"it answered with HTTP status {status}."
    # Used-up credit comes as 429 too; waiting does not help.
    spent = "insufficient_quota" in words
    return ProviderFailure(
        _SENTENCES[402] if spent else _SENTENCES.get(status, usual),
        retryable=status in _RETRYABLE and not spent,
        retry_after_s=_retry_after(response),
        note=words,
    )


def _words(response: BaseHTTPResponse) -> str:
    """What the provider says about it, cut short; read within the deadline set on the socket."""
    with suppress(HTTPError):
        return response.read(_MAX_ERROR_BYTES).decode("utf-8", "replace")
    return ""


def _retry_after(response: BaseHTTPResponse) -> float | None:
    milliseconds = response.headers.get("Retry-After-Ms", "")
    seconds = response.headers.get("Retry-After", "")
    with suppress(ValueError):
        return max(0.0, float(milliseconds) / 1000)
    with suppress(ValueError):
        return max(0.0, float(seconds))
    with suppress(ValueError):
        return max(0.0, parsedate_to_datetime(seconds).timestamp() - time.time())
    return None
