from __future__ import annotations

import base64
import json
from typing import Any
from uuid import UUID

import pytest

from orchstack.kernel.errors import NotFound, RateLimited, Unauthenticated, Unavailable
from orchstack.kernel.http import Answer
from orchstack.kernel.tenancy import Scope
from tests import make
from tests.unit.kernel.endpoints import (
    HEALTH,
    LIMITS,
    LIST,
    MAKE,
    House,
    Thing,
    list_event,
    make_event,
    raising,
)


def _problem(reply: dict[str, Any]) -> dict[str, Any]:
    assert "application/problem+json" == reply["headers"]["Content-Type"]
    problem: dict[str, Any] = json.loads(reply["body"])
    assert reply["statusCode"] == problem["status"]
    return problem


def test_a_good_request_is_answered(house: House) -> None:
    """The service's answer goes out as JSON, with the headers every answer has."""
    event = make_event({"name": "a", "size": 2})
    reply = house.call(MAKE, event)
    assert 201 == reply["statusCode"]
    assert {"name": "a", "size": 2, "parts": [], "extra": {}} == json.loads(reply["body"])
    expected = {
        **LIMITS,
        "Content-Type": "application/json",
        "X-Request-Id": event["requestContext"]["requestId"],
        "Location": "/v1/things/1",
        "Cache-Control": "no-store",
    }
    assert expected == {name: reply["headers"][name] for name in expected}


def test_the_service_gets_a_validated_request(house: House) -> None:
    """Principal, path, query, body and key arrive typed."""
    caller = make.principal()
    house.call(MAKE, make_event(caller=caller, headers={"IDEMPOTENCY-key": "k1"}))
    house.call(LIST, list_event(query={"limit": "3"}, headers={"accept": "text/event-stream"}))
    made, listed = house.requests
    assert (caller, {"shelf": "top"}, "k1") == (made.principal, made.path, made.idempotency_key)
    assert (3, True, False) == (listed.query.limit, listed.accepts_stream, made.accepts_stream)


def test_a_body_in_base64_is_read(house: House) -> None:
    """API Gateway encodes what it takes for binary."""
    event = make_event(base64.b64encode(b'{"name": "b"}').decode()) | {"isBase64Encoded": True}
    assert 201 == house.call(MAKE, event)["statusCode"]


@pytest.mark.parametrize(
    ("remaining_ms", "expected_s"), [(10_000, 9.5), (900_000, 29.0), (100, 0.0)]
)
def test_the_deadline_is_what_lambda_leaves(
    house: House, remaining_ms: int, expected_s: float
) -> None:
    """The service must answer before Lambda ends it and before API Gateway gives up."""
    house.call(MAKE, make_event(), remaining_ms=remaining_ms)
    left = house.requests[0].deadline - house.clock.now().timestamp()
    assert pytest.approx(expected_s) == left


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"traceparent": "00-" + "a" * 32 + "-00f067aa0ba902b7-01"}, "a" * 32),
        (
            {"X-Amzn-Trace-Id": "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"},
            "5759e988bd862e3fe1be46a994272793",
        ),
    ],
)
def test_the_trace_goes_on(house: House, headers: dict[str, str], expected: str) -> None:
    """The caller's trace id is kept, else X-Ray's."""
    house.call(MAKE, make_event(headers=headers))
    assert expected == house.requests[0].trace_id


@pytest.mark.parametrize("headers", [{}, {"traceparent": "00-" + "0" * 32 + "-1-01"}])
def test_a_request_without_a_trace_begins_one(house: House, headers: dict[str, str]) -> None:
    """A missing or void trace id is replaced by a new one."""
    house.call(MAKE, make_event(headers=headers))
    assert int(house.requests[0].trace_id, 16) > 0


@pytest.mark.parametrize(
    "authorizer", [None, {}, {"principal": "{}"}, {"principal": "no JSON"}, {"principal": 1}]
)
def test_a_request_without_a_principal_is_refused(house: House, authorizer: object) -> None:
    """Nothing is served on the word of the request alone."""
    event = list_event()
    event["requestContext"]["authorizer"] = authorizer
    reply = house.call(LIST, event)
    assert "unauthenticated" == _problem(reply)["code"]
    assert "Bearer" == reply["headers"]["WWW-Authenticate"]
    assert [] == house.requests


def test_a_missing_scope_is_named(house: House) -> None:
    """The caller learns which scope to ask for; the request counts against its limit."""
    caller = make.principal(scopes=frozenset({Scope.RUNS_READ}))
    reply = house.call(LIST, list_event(caller=caller))
    assert 403 == reply["statusCode"]
    assert "agents:read" in _problem(reply)["detail"]
    assert LIMITS["RateLimit"] == reply["headers"]["RateLimit"]


def test_a_public_operation_asks_for_nothing(house: House) -> None:
    """Health and schemas are served without key, gate or tenant."""
    house.gate.refusal = Unauthenticated()
    assert 201 == house.call(HEALTH, make.rest_event())["statusCode"]
    assert UUID(int=0) == house.requests[0].principal.tenant_id


def test_a_rate_limit_says_when_to_come_back(house: House) -> None:
    """A 429 has Retry-After in whole seconds and the RateLimit headers."""
    house.gate.refusal = RateLimited(retry_after_s=0.2, headers={"RateLimit": "none left"})
    reply = house.call(LIST, list_event())
    assert (429, "1", "none left") == (
        reply["statusCode"],
        reply["headers"]["Retry-After"],
        reply["headers"]["RateLimit"],
    )


def test_a_service_error_becomes_a_problem(house: House) -> None:
    """What the service raises is told in full, in the form of RFC 9457."""
    event = list_event()
    reply = house.call(LIST, event, raising(NotFound("There is no thing.")))
    assert {
        "type": "urn:orchstack:problem:not_found",
        "title": "Not found",
        "status": 404,
        "detail": "There is no thing.",
        "instance": "/v1/things",
        "code": "not_found",
        "request_id": event["requestContext"]["requestId"],
    } == _problem(reply)


def test_an_unavailable_part_asks_for_a_retry(house: House) -> None:
    """A 503 says when to try again."""
    reply = house.call(LIST, list_event(), raising(Unavailable(retry_after_s=2)))
    assert (503, "2") == (reply["statusCode"], reply["headers"]["Retry-After"])


def test_an_unexpected_error_tells_nothing(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    """The caller sees an id to report; the stack is in the log under the same id."""
    event = list_event()
    reply = house.call(LIST, event, raising(RuntimeError("select secret from rows")))
    problem = _problem(reply)
    assert (500, "internal") == (problem["status"], problem["code"])
    assert "secret" not in reply["body"]
    logged = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (line,) = [line for line in logged if line["level"] == "ERROR"]
    assert problem["request_id"] == line["request_id"]
    assert "select secret from rows" == line["error"]["message"]


def test_every_request_is_logged_once(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    """One line tells what was asked for, how it ended and how long it took."""
    caller = make.principal()
    house.call(LIST, list_event(caller=caller))
    (line,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert ("request", "list_things", 201) == (line["message"], line["operation"], line["status"])
    assert line["duration_ms"] >= 0
    assert str(caller.tenant_id) == line["tenant_id"]


def test_an_answer_holds_non_ascii_text(house: House) -> None:
    """Text in any script comes back as it was."""
    reply = house.call(LIST, list_event(), lambda _request: Answer(body=Thing(name="żółć 🦉")))
    assert "żółć 🦉" == json.loads(reply["body"])["name"]
