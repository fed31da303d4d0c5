"""How requests leave the machine: over urllib3, or into a function of your test."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import urllib3
from urllib3.exceptions import HTTPError

from orchstack.sdk.errors import ConnectionFailed

CONNECT_TIMEOUT_S = 5.0
_CHUNK = 65_536


@dataclass(frozen=True, kw_only=True)
class HttpRequest:
    """One HTTP request; `timeout_s` bounds each wait for bytes."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None = None
    timeout_s: float = 60.0


class HttpResponse:
    """One HTTP answer; its body is read once, whole or chunk by chunk as it comes."""

    def __init__(self, status: int, headers: Mapping[str, str], chunks: Iterable[bytes]) -> None:
        """Take the head and the body as it comes, which raises ConnectionFailed if it is cut."""
        self.status = status
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.chunks = chunks

    def read(self) -> bytes:
        """Give the whole body. Raises ConnectionFailed if it is cut."""
        return b"".join(self.chunks)


class Transport(Protocol):
    """Sends requests."""

    def send(self, request: HttpRequest) -> HttpResponse:
        """Send one and give its answer. Raises ConnectionFailed."""

    def close(self) -> None:
        """Let go of what is open."""


class HttpTransport:
    """A pool of connections; no redirects, no hidden retries."""

    def __init__(self) -> None:
        """Open nothing yet."""
        self._pool = urllib3.PoolManager(retries=False, maxsize=8)

    def send(self, request: HttpRequest) -> HttpResponse:
        """Send one request and give its answer. Raises ConnectionFailed."""
        try:
            response = self._pool.request(
                request.method,
                request.url,
                body=request.body,
                headers=request.headers,
                timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=request.timeout_s),
                preload_content=False,
                redirect=False,
            )
        except HTTPError as error:
            raise ConnectionFailed(f"no answer from {request.url}: {error}") from error
        return HttpResponse(response.status, response.headers, _body(response))

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()


def _body(response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    try:
        while chunk := response.read1(_CHUNK):
            yield chunk
        response.release_conn()
    except HTTPError as error:
        raise ConnectionFailed(f"the answer was cut: {error}") from error
    finally:
        # A connection with unread bytes on it cannot serve another request.
        response.close()


@dataclass
class MockTransport:
    """Answers from a function, without a network; `requests` keeps what was sent."""

    answer: Callable[[HttpRequest], HttpResponse]
    requests: list[HttpRequest] = field(default_factory=list)

    def send(self, request: HttpRequest) -> HttpResponse:
        """Keep the request and give the function's answer."""
        self.requests.append(request)
        return self.answer(request)

    def close(self) -> None:
        """There is nothing to let go of."""
