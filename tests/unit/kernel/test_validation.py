from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchstack.kernel import strict_json
from orchstack.kernel.errors import InvalidRequest
from tests.unit.kernel.endpoints import LIST, MAKE, House, list_event, make_event

_DEEP = '{"name":"a","extra":' + '{"a":' * 40 + "1" + "}" * 41
_VERY_DEEP = "[" * 100_000


def _refused(house: House, body: str) -> dict[str, Any]:
    reply = house.call(MAKE, make_event(body))
    assert [] == house.requests
    problem: dict[str, Any] = json.loads(reply["body"])
    assert 400 == reply["statusCode"], problem
    return problem


@pytest.mark.parametrize(
    ("body", "line", "column"),
    [
        ("{", 1, 2),
        ('{"name": "a",\n  "size": }', 2, 11),
        ("nope", 1, 1),
        ('{"name": "a"} x', 1, 15),
    ],
)
def test_malformed_json_is_located(house: House, body: str, line: int, column: int) -> None:
    """The caller is told the line and the column."""
    assert f"at line {line}, column {column}." in _refused(house, body)["detail"]


@pytest.mark.parametrize(
    ("body", "path", "message"),
    [
        ('{"name":"a","colour":1}', "/colour", "is not a known name"),
        ('{"name":1}', "/name", "Input should be a valid string"),
        ('{"name":"a","size":"5"}', "/size", "Input should be a valid integer"),
        ('{"name":"a","size":true}', "/size", "Input should be a valid integer"),
        ('{"name":"a","size":1.5}', "/size", "Input should be a valid integer"),
        ('{"name":"a","parts":["b",2]}', "/parts/1", "Input should be a valid string"),
        ('{"name":""}', "/name", "String should have at least 1 character"),
        ('{"name":null}', "/name", "Input should be a valid string"),
        ("{}", "/name", "Field required"),
        ("[]", "", "Input should be an object"),
    ],
)
def test_a_fault_of_the_body_is_named(house: House, body: str, path: str, message: str) -> None:
    """Unknown names and wrong types are refused, each with its place."""
    assert [{"path": path, "message": message, "line": 1}] == _refused(house, body)["faults"]


def test_a_fault_has_its_line(house: House) -> None:
    """In a body of several lines the fault is found at once."""
    body = '{\n  "name": "a",\n  "size": "big"\n}'
    assert 3 == _refused(house, body)["faults"][0]["line"]


def test_the_faults_are_bounded(house: House) -> None:
    """A body of nothing but faults gives a short answer."""
    body = json.dumps({f"n{n}": n for n in range(150)})
    assert 20 == len(_refused(house, body)["faults"])


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"name":"a\\u0000"}', "NUL"),
        ('{"name":"a\\ud800"}', "surrogate"),
        ('{"name":"a","extra":{"x\\u0000":1}}', "NUL"),
        (_DEEP, "deeper"),
        ('{"name":"a","extra":{"n":NaN}}', "NaN"),
        ('{"name":"a","extra":{"n":-Infinity}}', "Infinity"),
        ('{"name":"a","extra":{"n":1e999}}', "too large"),
        ('{"name":"a","name":"b"}', "twice"),
    ],
)
def test_json_that_would_do_harm_is_refused(house: House, body: str, said: str) -> None:
    """What databases, logs and other readers cannot hold never gets in."""
    assert said in _refused(house, body)["detail"]


@pytest.mark.parametrize(("text", "said"), [(_VERY_DEEP, "deeper"), ("9" * 5_000, "too large")])
def test_json_without_end_is_refused(text: str, said: str) -> None:
    """A hundred thousand brackets cost no stack, five thousand digits no time."""
    with pytest.raises(InvalidRequest, match=said):
        strict_json.read(text)


def test_an_escaped_backslash_is_no_nul(house: House) -> None:
    """Text that only looks like an escape is let through."""
    assert 201 == house.call(MAKE, make_event('{"name":"\\\\u0000"}'))["statusCode"]


def test_text_that_is_not_utf8_is_refused(house: House) -> None:
    """Half a surrogate pair in the event's own text is no UTF-8."""
    assert "UTF-8" in _refused(house, '{"name":"\ud800"}')["detail"]


def test_invalid_base64_is_refused(house: House) -> None:
    """A body that was said to be base64 and is not is the caller's fault."""
    reply = house.call(MAKE, make_event("%%%") | {"isBase64Encoded": True})
    assert 400 == reply["statusCode"]


def test_a_large_body_is_refused_by_its_size(house: House) -> None:
    """The limit counts bytes, not characters, and is told."""
    reply = house.call(MAKE, make_event({"name": "ł" * 1_001}))
    assert 413 == reply["statusCode"]
    assert "2000" in json.loads(reply["body"])["detail"]


@pytest.mark.parametrize("body", [None, "", "  \n", "{}"])
def test_an_operation_without_a_body_takes_an_empty_one(house: House, body: str | None) -> None:
    """Clients that send an empty body with a GET are served."""
    assert 201 == house.call(LIST, list_event(body=body))["statusCode"]


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ({"limit": "0"}, "query.limit"),
        ({"limit": "many"}, "query.limit"),
        ({"limit": ["1", "2"]}, "query.limit"),
        ({"colour": "red"}, "query.colour"),
        ({"name": "a\0"}, "query.name"),
        ({"name": "\ud800"}, "query.name"),
    ],
)
def test_a_bad_query_is_named(house: House, query: dict[str, str | list[str]], path: str) -> None:
    """Unknown, repeated and unreadable parameters are refused by name."""
    reply = house.call(LIST, list_event(query=query))
    assert 400 == reply["statusCode"]
    assert [path] == [fault["path"] for fault in json.loads(reply["body"])["faults"]]


@pytest.mark.parametrize("shelf", ["TOP", "top1", "", "a" * 300, "a\n", "top\0", "../x"])
def test_a_bad_path_is_named(house: House, shelf: str) -> None:
    """A part of the path that does not match the operation's pattern is refused."""
    reply = house.call(MAKE, make_event(shelf=shelf))
    assert 400 == reply["statusCode"]
    assert ["path.shelf"] == [fault["path"] for fault in json.loads(reply["body"])["faults"]]


@pytest.mark.parametrize("key", ["", "a b", "ä", "x" * 256, "a\tb"])
def test_a_bad_idempotency_key_is_named(house: House, key: str) -> None:
    """A key is 1 to 255 visible ASCII characters."""
    reply = house.call(MAKE, make_event(headers={"Idempotency-Key": key}))
    assert 400 == reply["statusCode"]
    assert "header.Idempotency-Key" == json.loads(reply["body"])["faults"][0]["path"]


@given(text=st.text(max_size=200), where=st.sampled_from(["body", "query", "path", "header"]))
def test_nothing_a_caller_sends_is_a_server_error(text: str, where: str) -> None:
    """Whatever text stands anywhere, the answer is made or refused, and is valid JSON."""
    house = House()
    match where:
        case "body":
            reply = house.call(MAKE, make_event(text))
        case "query":
            reply = house.call(LIST, list_event(query={text: text}))
        case "path":
            reply = house.call(MAKE, make_event(shelf=text))
        case _:
            reply = house.call(MAKE, make_event(headers={"Idempotency-Key": text}))
    assert reply["statusCode"] < 500
    json.loads(reply["body"])


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=12,
)


@given(body=_JSON)
def test_no_body_is_a_server_error(body: Any) -> None:
    """Any JSON is made into a thing or refused."""
    reply = House().call(MAKE, make_event(json.dumps(body)))
    assert reply["statusCode"] in {201, 400, 413}


def test_the_same_body_has_the_same_fingerprint(house: House) -> None:
    """Spacing and the order of names do not count; path and content do."""
    for body, shelf in (
        ('{"name":"a","size":1}', "top"),
        ('{ "size": 1,\n "name": "a"}', "top"),
        ('{"name":"a","size":1}', "low"),
        ('{"name":"b","size":1}', "top"),
    ):
        house.call(MAKE, make_event(body, shelf=shelf))
    same, again, elsewhere, other = (request.body_hash for request in house.requests)
    assert same == again
    assert 3 == len({same, elsewhere, other})
