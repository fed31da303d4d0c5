"""What every call of the client does: headers, keys, retries, problems, pages."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from orchstack.sdk import (
    ApiError,
    ConnectionFailed,
    Forbidden,
    HttpRequest,
    HttpResponse,
    InvalidDocument,
    MockTransport,
    NotFound,
    OrchStack,
    RateLimited,
    Retries,
    ServerError,
    Unauthenticated,
)

URL = "http://cloud.test"
EMPTY: dict[str, Any] = {"items": [], "next_cursor": None, "has_more": False}
KEY = {
    "id": "k1",
    "name": "ci",
    "environment": "live",
    "scopes": ["runs:read"],
    "created_at": "2026-01-01T00:00:00.000Z",
    "expires_at": None,
    "revoked_at": None,
}


@dataclass
class Scripted:
    """A server that gives its answers one after the other; None cuts the connection."""

    answers: list[HttpResponse | None]
    waits: list[float] = field(default_factory=list)
    transport: MockTransport = field(init=False)

    def __post_init__(self) -> None:
        """Make the transport."""
        self.transport = MockTransport(self._answer)

    def client(self, **retries: Any) -> OrchStack:
        """A client whose waits are noted and whose jitter is none."""
        policy = Retries(sleep=self.waits.append, jitter=lambda _, high: high, **retries)
        return OrchStack(URL, "os_live_x", transport=self.transport, retries=policy)

    def _answer(self, _request: HttpRequest) -> HttpResponse:
        answer = self.answers.pop(0)
        if answer is None:
            raise ConnectionFailed("cut")
        return answer


def ok(body: Any, status: int = 200) -> HttpResponse:
    """A JSON answer."""
    return HttpResponse(status, {}, [json.dumps(body).encode()])


def problem(status: int, code: str = "", **headers: str) -> HttpResponse:
    """A problem document."""
    document = {"title": "T", "status": status, "detail": "D", "code": code, "request_id": "r1"}
    return HttpResponse(status, headers, [json.dumps(document).encode()])


def test_a_call_says_who_asks_and_what_it_accepts() -> None:
    """Key, Accept and User-Agent are on each request; a read carries no Idempotency-Key."""
    server = Scripted([ok(EMPTY)])
    list(server.client().keys.list())
    (request,) = server.transport.requests

    assert ("GET", f"{URL}/v1/keys?limit=100") == (request.method, request.url)
    assert "Bearer os_live_x" == request.headers["Authorization"]
    assert request.headers["User-Agent"].startswith("orchstack-python/")
    assert "Idempotency-Key" not in request.headers


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_passing_failure_is_tried_again_with_the_same_key(status: int) -> None:
    """The server may have done it already: the repeat is the same request."""
    server = Scripted([problem(status), None, ok({"key": KEY, "secret": "os_live_y"}, 201)])
    issued = server.client().keys.create("ci", scopes=["runs:read"])
    keys = {request.headers["Idempotency-Key"] for request in server.transport.requests}

    assert "os_live_y" == issued.secret
    assert (3, 1) == (len(server.transport.requests), len(keys))


def test_two_mutations_have_two_keys() -> None:
    """A key belongs to one call."""
    server = Scripted([ok(KEY), ok(KEY)])
    client = server.client()
    client.keys.revoke("k1")
    client.keys.revoke("k1")

    assert 2 == len({request.headers["Idempotency-Key"] for request in server.transport.requests})


def test_waits_grow_and_never_undercut_retry_after() -> None:
    """The wait doubles from a quarter of a second, on top of what the server asks for."""
    server = Scripted([problem(503), problem(503), problem(503, **{"Retry-After": "7"}), ok(EMPTY)])
    list(server.client().keys.list())

    assert [0.25, 0.5, 8.0] == server.waits


def test_a_running_twin_is_waited_for() -> None:
    """409 `request_in_flight` means that the same request is running: ask again."""
    server = Scripted([problem(409, "request_in_flight", **{"Retry-After": "1"}), ok(KEY)])

    assert "k1" == server.client().keys.revoke("k1").id


@pytest.mark.parametrize(("status", "code"), [(400, "invalid_request"), (409, "conflict")])
def test_what_will_not_pass_is_not_tried_again(status: int, code: str) -> None:
    """A fault of the request, a conflict: raised at once."""
    server = Scripted([problem(status, code)])

    with pytest.raises(ApiError):
        list(server.client().keys.list())
    assert [] == server.waits


def test_the_tries_are_bounded() -> None:
    """After the last try the last error is raised."""
    server = Scripted([problem(503)] * 3)

    with pytest.raises(ServerError):
        list(server.client(attempts=3).keys.list())
    assert 2 == len(server.waits)


def test_a_long_wait_is_the_callers_to_decide() -> None:
    """A Retry-After beyond a minute is raised, with the seconds on the error."""
    server = Scripted([problem(429, "rate_limited", **{"Retry-After": "3600"})])

    with pytest.raises(RateLimited) as raised:
        list(server.client().keys.list())
    assert 3600 == raised.value.problem.retry_after_s


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, Unauthenticated), (403, Forbidden), (404, NotFound), (422, InvalidDocument)],
)
def test_a_problem_becomes_its_error(status: int, kind: type[ApiError]) -> None:
    """Each status has its class, which carries the document."""
    server = Scripted([problem(status, "some_code")])

    with pytest.raises(kind) as raised:
        list(server.client().keys.list())
    assert ("some_code", "D", "r1") == (
        raised.value.code,
        raised.value.detail,
        raised.value.problem.request_id,
    )


def test_an_answer_of_something_else_is_an_error_too() -> None:
    """A proxy's HTML page is named by its status and its first words."""
    server = Scripted([HttpResponse(404, {}, [b"<html>nothing here</html>"])])

    with pytest.raises(NotFound, match="nothing here"):
        list(server.client().keys.list())


def page(*ids: str, cursor: str | None = None) -> HttpResponse:
    """A page of keys."""
    items = [{**KEY, "id": id_} for id_ in ids]
    return ok({"items": items, "next_cursor": cursor, "has_more": cursor is not None})


def test_listings_go_from_page_to_page() -> None:
    """The next page is asked for when it is needed, with the cursor of the one before."""
    server = Scripted([page("a", "b", cursor="c1"), page("c")])
    keys = server.client().keys.list()
    first: Iterator[str] = (key.id for key in keys)

    assert "a" == next(first)
    assert 1 == len(server.transport.requests)
    assert ["b", "c"] == list(first)
    assert server.transport.requests[1].url.endswith("?limit=100&cursor=c1")


def test_a_limit_ends_a_listing() -> None:
    """Three of many: two pages, and no item more."""
    server = Scripted([page("a", "b", cursor="c1"), page("c", cursor="c2")])

    assert ["a", "b", "c"] == [key.id for key in server.client().keys.list(limit=3)]


@pytest.mark.parametrize(
    ("call", "path"),
    [
        (lambda c: c.runs.get("a/../b"), "/v1/runs/a%2F..%2Fb"),
        (lambda c: c.agents.get("a?b"), "/v1/agents/a%3Fb"),
        (lambda c: c.keys.revoke("#"), "/v1/keys/%23"),
    ],
)
def test_names_stay_in_their_segment(call: Callable[[OrchStack], Any], path: str) -> None:
    """No name or id can reach another path."""
    server = Scripted([problem(404)])

    with pytest.raises(NotFound):
        call(server.client())
    assert URL + path == server.transport.requests[0].url


def test_unknown_fields_are_kept() -> None:
    """What a newer server adds breaks nothing and can be read from `raw`."""
    server = Scripted([ok({**KEY, "colour": "red"})])

    assert "red" == server.client().keys.revoke("k1").raw["colour"]
