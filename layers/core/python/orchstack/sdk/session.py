"""One authenticated connection to the API: headers, keys, retries, problems, pages."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from orchstack import __version__
from orchstack.kernel.plain import JsonMapping
from orchstack.sdk.errors import ConnectionFailed, OrchStackError, Problem, error_of
from orchstack.sdk.retry import Retries
from orchstack.sdk.transport import HttpRequest, HttpResponse, Transport

Query = Mapping[str, str | int | float | None]
ResultT = TypeVar("ResultT")

SAFE_METHODS = frozenset({"GET"})
FIRST_ERROR = 400
MAX_PAGE = 100


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call of an operation; a mutation carries the same Idempotency-Key on every try."""

    method: str
    path: str
    query: Query = field(default_factory=dict)
    body: Any = None
    timeout_s: float = 60.0
    accept: str = "application/json"
    idempotency_key: str = field(default_factory=lambda: str(uuid.uuid4()))


class Session:
    """Sends calls, tries them again where that is safe, and turns problems into errors."""

    def __init__(self, base_url: str, api_key: str, transport: Transport, retries: Retries) -> None:
        """Take where to, as whom, over what, and how often."""
        self._base_url = base_url.rstrip("/")
        self._api_key = api_key
        self._transport = transport
        self.retries = retries

    def call(self, call: Call) -> tuple[int, Any]:
        """Give the status and the JSON of the answer. Raises ApiError, ConnectionFailed."""
        return self.try_again(lambda: self._once(call))

    def open(self, call: Call) -> HttpResponse:
        """Send once and give the answer with its body unread. Raises ApiError, ConnectionFailed."""
        response = self._transport.send(self._request(call))
        if response.status >= FIRST_ERROR:
            raise error_of(_problem(response))
        return response

    def try_again(self, attempt: Callable[[], ResultT]) -> ResultT:
        """Do it until it works or the retries are used up; raises the last error."""
        tried = 1
        while True:
            try:
                return attempt()
            except OrchStackError as error:
                wait = self.retries.wait_after(tried, error)
                if wait is None:
                    raise
                self.retries.sleep(wait)
                tried += 1

    def pages(self, path: str, query: Query, limit: int | None) -> Iterator[JsonMapping]:
        """Give the items of a listing, page after page, at most `limit`."""
        left, cursor = limit, None
        while left is None or left > 0:
            size = MAX_PAGE if left is None else min(left, MAX_PAGE)
            _, page = self.call(
                Call(method="GET", path=path, query={**query, "limit": size, "cursor": cursor})
            )
            yield from page["items"]
            if not page["has_more"]:
                return
            left = None if left is None else left - len(page["items"])
            cursor = page["next_cursor"]

    def close(self) -> None:
        """Let go of the connections."""
        self._transport.close()

    def _once(self, call: Call) -> tuple[int, Any]:
        response = self.open(call)
        body = response.read()
        try:
            return response.status, json.loads(body) if body else None
        except ValueError as error:
            raise ConnectionFailed(f"{call.path} did not answer with JSON") from error

    def _request(self, call: Call) -> HttpRequest:
        query = urlencode({name: v for name, v in call.query.items() if v is not None})
        headers = {
            "Authorization": f"Bearer {self._api_key}",
            "Accept": call.accept,
            "User-Agent": f"orchstack-python/{__version__}",
        }
        if call.method not in SAFE_METHODS:
            headers["Idempotency-Key"] = call.idempotency_key
        if call.body is not None:
            headers["Content-Type"] = "application/json"
        return HttpRequest(
            method=call.method,
            url=f"{self._base_url}{call.path}" + (f"?{query}" if query else ""),
            headers=headers,
            body=None if call.body is None else json.dumps(call.body).encode(),
            timeout_s=call.timeout_s,
        )


def segment(value: str) -> str:
    """Write a name or id as one segment of a path, whatever stands in it."""
    return quote(value, safe="")


def _problem(response: HttpResponse) -> Problem:
    """Read a problem document; a proxy's answer that is none becomes one."""
    body = response.read()
    try:
        document = json.loads(body)
    except ValueError:
        document = {}
    named = document if isinstance(document, dict) else {}
    return Problem(
        status=response.status,
        title=str(named.get("title", "")),
        detail=str(
            named.get("detail") or named.get("message") or body[:200].decode("utf-8", "replace")
        ),
        code=str(named.get("code", "")),
        request_id=str(named.get("request_id") or response.headers.get("x-request-id", "")),
        faults=tuple(f for f in named.get("faults") or () if isinstance(f, dict)),
        retry_after_s=_seconds(response.headers.get("retry-after")),
    )


def _seconds(retry_after: str | None) -> float | None:
    """Read delay-seconds; the date form is not used by this API."""
    try:
        return max(0.0, float(retry_after)) if retry_after else None
    except ValueError:
        return None
