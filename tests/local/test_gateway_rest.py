from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest

from tests.local.edge_kit import Answer, Edge

SESSION = {"Authorization": "Bearer one"}


def test_the_event_is_that_of_a_rest_api(edge: Edge) -> None:
    """A function receives the REST proxy event, payload format 1.0, key by key."""
    answer = edge.ask(
        "POST", "/items/7?tag=a&tag=b&q=x%20y", '{"n": 1}', {"X-Two": "2", "User-Agent": "tests"}
    )

    event = answer.document
    assert ("/items/{id}", "/items/7", "POST") == (
        event["resource"],
        event["path"],
        event["httpMethod"],
    )
    assert {"id": "7"} == event["pathParameters"]
    assert {"tag": "b", "q": "x y"} == event["queryStringParameters"]
    assert ["a", "b"] == event["multiValueQueryStringParameters"]["tag"]
    assert ("2", ["2"]) == (event["headers"]["X-Two"], event["multiValueHeaders"]["X-Two"])
    assert event["headers"]["X-Amzn-Trace-Id"].startswith("Root=1-")
    assert ('{"n": 1}', False) == (event["body"], event["isBase64Encoded"])
    assert event["stageVariables"] is None


def test_the_request_context_is_that_of_a_rest_api(edge: Edge) -> None:
    """The request context names API, stage, route, caller and time, as the gateway on AWS does."""
    answer = edge.ask("GET", "/live/items/7", headers={"User-Agent": "tests"})

    context = answer.document["requestContext"]
    assert ("rest123", "live", "/live/items/7") == (
        context["apiId"],
        context["stage"],
        context["path"],
    )
    assert ("GET", "/items/{id}") == (context["httpMethod"], context["resourcePath"])
    assert ("127.0.0.1", "tests") == (
        context["identity"]["sourceIp"],
        context["identity"]["userAgent"],
    )
    assert abs(time.time() - context["requestTimeEpoch"] / 1000) < 5
    assert UUID(context["requestId"]) == UUID(answer.headers["x-amzn-RequestId"])
    assert answer.headers["x-amz-apigw-id"] == context["extendedRequestId"]


def test_the_context_has_the_path_as_it_was_sent(edge: Edge) -> None:
    """Without the stage where a custom domain is addressed, and never with what breaks JSON."""
    paths = [
        edge.ask("GET", path).document["requestContext"]["path"]
        for path in ("/items/7", '/items/"')
    ]

    assert ["/items/7", "/items/%22"] == paths


def test_an_empty_request_has_nulls(edge: Edge) -> None:
    """What a request does not carry is null in its event, not an empty object."""
    event = edge.ask("GET", "/items/7").document

    for name in ("body", "queryStringParameters", "multiValueQueryStringParameters"):
        assert event[name] is None


def test_the_most_exact_route_wins(edge: Edge) -> None:
    """A literal segment comes before a parameter; the stage may stand before the path."""
    assert "/items/special" == edge.ask("GET", "/items/special").document["resource"]
    assert {"id": "9"} == edge.ask("DELETE", "/live/items/9").document["pathParameters"]
    assert {"id": "special"} == edge.ask("PUT", "/items/special").document["pathParameters"]


def test_a_greedy_parameter_takes_the_rest_of_the_path(edge: Edge) -> None:
    """`{path+}` matches any number of segments, decoded."""
    event = edge.ask("GET", "/files/a/b%20c/d").document

    assert {"path": "a/b c/d"} == event["pathParameters"]
    assert "/files/{path+}" == event["resource"]


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/nothing"), ("DELETE", "/sleep"), ("GET", "/line%0Abreak/x")]
)
def test_an_unknown_route_is_forbidden(edge: Edge, method: str, path: str) -> None:
    """A path or method without a route answers 403, Missing Authentication Token."""
    answer = edge.ask(method, path)

    assert 403 == answer.status
    assert {"message": "Missing Authentication Token"} == answer.document
    assert "MissingAuthenticationTokenException" == answer.headers["x-amzn-ErrorType"]


def test_a_mock_answers_preflights(edge: Edge) -> None:
    """OPTIONS is answered by the mock integration, without any function."""
    answer = edge.ask("OPTIONS", "/items/7")

    assert (204, "*") == (answer.status, answer.headers["Access-Control-Allow-Origin"])


def _answered(edge: Edge, answer: object) -> Answer:
    return edge.ask("POST", "/answer", json.dumps(answer))


def test_answers_carry_status_headers_and_body(edge: Edge) -> None:
    """Status, headers, several values of one header and the body come from the function."""
    answer = _answered(
        edge,
        {
            "statusCode": "201",
            "headers": {"Content-Type": "text/plain", "X-Number": 5},
            "multiValueHeaders": {"Set-Cookie": ["a=1", "b=2"]},
            "body": "made",
        },
    )

    assert (201, b"made") == (answer.status, answer.body)
    assert ("text/plain", "5") == (answer.headers["Content-Type"], answer.headers["X-Number"])
    assert ["a=1", "b=2"] == answer.headers.get_all("Set-Cookie")


@pytest.mark.parametrize(
    "malformed",
    [
        "text",
        {"body": "no status"},
        {"statusCode": "abc"},
        {"statusCode": 200, "body": {}},
        {"statusCode": 200, "headers": ["X"]},
        {"statusCode": 200, "headers": {"X": {}}},
    ],
)
def test_a_malformed_answer_is_a_bad_gateway(edge: Edge, malformed: object) -> None:
    """What is no proxy answer becomes the API's 5XX response, with its header and its words."""
    answer = _answered(edge, malformed)

    assert 503 == answer.status
    assert "1" == answer.headers["Retry-After"]
    assert "application/problem+json" == answer.headers["Content-Type"]
    assert answer.headers["x-amzn-RequestId"] == answer.document["id"]
    assert "Internal server error" == answer.document["detail"]


def test_a_crash_answers_and_the_next_request_is_served(edge: Edge) -> None:
    """A function that dies mid-request yields the 5XX response with Retry-After, every time."""
    for _ in range(2):
        answer = edge.ask("GET", "/crash", headers={"Origin": "https://example.org"})

        assert (503, "1") == (answer.status, answer.headers["Retry-After"])
        assert "https://example.org" == answer.headers["X-Origin"]


def test_a_slow_integration_times_out(edge: Edge) -> None:
    """An answer after the integration's timeout is replaced by INTEGRATION_TIMEOUT, in time."""
    started = time.monotonic()

    answer = edge.ask("GET", "/sleep?seconds=2")

    assert time.monotonic() - started < 1.5
    assert "INTEGRATION_TIMEOUT" == answer.document["type"]
    assert "Endpoint request timed out" == answer.document["detail"]


def test_a_throttled_function_answers_429(edge: Edge) -> None:
    """At the function's concurrency limit the caller hears 429."""
    answer = edge.ask("GET", "/busy")

    assert (429, {"message": "Too Many Requests"}) == (answer.status, answer.document)


def test_bodies_over_the_limits_answer_413(edge: Edge) -> None:
    """A body over 10 MB, or an event over the function's 6 MB, answers 413."""
    for size in (10_500_000, 7_000_000):
        answer = edge.ask("POST", "/items/7", "x" * size)

        assert (413, {"message": "Request Too Long"}) == (answer.status, answer.document)


def test_an_over_long_request_line_answers_413(edge: Edge) -> None:
    """A request line and header values over 10,240 bytes are refused as the API words it."""
    answer = edge.ask("GET", "/echo?padding=" + "x" * 10_240)

    assert (413, {"message": "Request Too Long"}) == (answer.status, answer.document)


def test_binary_bodies_pass_unchanged(edge: Edge) -> None:
    """Bodies of a binary media type reach the function in Base64 and come back as bytes."""
    picture = bytes(range(256))

    answer = edge.ask(
        "POST", "/picture", picture, {"Content-Type": "image/png", "Accept": "image/png"}
    )

    assert ("image/png", picture[::-1]) == (answer.headers["Content-Type"], answer.body)


def test_requests_run_side_by_side(edge: Edge) -> None:
    """Many clients at once are all answered, each with its own answer."""
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda n: edge.ask("GET", f"/items/{n}"), range(64)))

    assert list(range(64)) == [int(a.document["pathParameters"]["id"]) for a in answers]


def test_status_is_told(edge: Edge) -> None:
    """The gateway tells what the local cloud says of itself under /_local/status."""
    assert {"well": True} == edge.ask("GET", "/_local/status").document
