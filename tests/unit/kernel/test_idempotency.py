from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from orchstack.kernel.errors import NotFound
from orchstack.kernel.http import Answer, Request
from orchstack.kernel.tenancy import Principal
from tests import make
from tests.unit.kernel.endpoints import MAKE, House, Thing, make_event, raising

CALLER = make.principal()


def _event(
    name: str = "a", key: str = "k1", shelf: str = "top", caller: Principal = CALLER
) -> Mapping[str, Any]:
    return make_event({"name": name}, headers={"Idempotency-Key": key}, shelf=shelf, caller=caller)


def test_the_same_request_is_answered_from_the_store(house: House) -> None:
    """The service is called once; the second answer equals the first and says what it is."""
    first = house.call(MAKE, _event())
    second = house.call(MAKE, _event())
    assert 1 == len(house.requests)
    assert (first["statusCode"], first["body"]) == (second["statusCode"], second["body"])
    assert first["headers"]["Location"] == second["headers"]["Location"]
    assert "true" == second["headers"]["Idempotency-Replayed"]
    assert "Idempotency-Replayed" not in first["headers"]


def test_another_body_under_the_same_key_is_refused(house: House) -> None:
    """A key stands for one request: another body, or another path, is a mistake."""
    house.call(MAKE, _event())
    for event in (_event(name="b"), _event(shelf="low")):
        reply = house.call(MAKE, event)
        assert 422 == reply["statusCode"]
        assert "idempotency_key_reused" == json.loads(reply["body"])["code"]
    assert 1 == len(house.requests)


def test_keys_are_a_tenants_own(house: House) -> None:
    """Two tenants that choose the same key know nothing of each other."""
    for caller in (CALLER, make.principal()):
        assert 201 == house.call(MAKE, _event(caller=caller))["statusCode"]
    assert 2 == len(house.requests)


def test_a_request_in_flight_is_not_repeated(house: House) -> None:
    """While the first request runs, the second is told to come back."""
    inner: list[dict[str, Any]] = []

    def serve(request: Request[Any, Any]) -> Answer:
        inner.append(house.call(MAKE, _event()))
        return Answer(body=request.body)

    house.call(MAKE, _event(), serve)
    assert (409, "1") == (inner[0]["statusCode"], inner[0]["headers"]["Retry-After"])
    assert [] == house.requests


def test_a_refused_request_may_be_sent_again(house: House) -> None:
    """Errors are not stored: the same key works once the reason is gone."""
    assert 404 == house.call(MAKE, _event(), raising(NotFound()))["statusCode"]
    assert 0 == len(house.answers)
    assert 201 == house.call(MAKE, _event())["statusCode"]


def test_an_answer_is_kept_for_a_day(house: House) -> None:
    """After 24 hours a key is free again."""
    house.call(MAKE, _event())
    house.clock.advance(timedelta(hours=24).total_seconds() - 1)
    house.call(MAKE, _event())
    assert 1 == len(house.requests)
    house.clock.advance(2)
    house.call(MAKE, _event(name="b"))
    assert 2 == len(house.requests)


def test_a_secret_shown_once_is_not_kept(house: House) -> None:
    """What is stored is the answer without its secret."""

    def serve(_request: Request[Any, Any]) -> Answer:
        return Answer(body=Thing(name="os_live_x"), stored_body=Thing(name="hidden"), status=201)

    assert "os_live_x" in house.call(MAKE, _event(), serve)["body"]
    assert "os_live_x" not in house.call(MAKE, _event(), serve)["body"]


def test_a_request_without_a_key_is_never_replayed(house: House) -> None:
    """The header is the caller's choice."""
    for _ in range(2):
        house.call(MAKE, make_event())
    assert 2 == len(house.requests)
    assert 0 == len(house.answers)
