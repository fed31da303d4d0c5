"""Putting answers together from their chunks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchstack.kernel.chat import UNREADABLE_ARGUMENTS, ChatRequest, Message, Role
from orchstack.llm_router.adapters.openai_wire.assembly import MAX_TOOL_CALLS, Assembler
from orchstack.llm_router.model import ProviderFailure

REQUEST = ChatRequest(
    model="m", messages=(Message(role=Role.USER, content="Hello you"),), max_output_tokens=10
)


def assembled(*deltas: dict[str, Any], reason: str | None = "stop", **more: Any) -> Assembler:
    """What has taken chunks of the given deltas, and an end."""
    assembler = Assembler(REQUEST)
    for delta in deltas:
        assembler.take(json.dumps({"choices": [{"index": 0, "delta": delta}]}))
    assembler.take(json.dumps({"choices": [{"delta": {}, "finish_reason": reason}], **more}))
    return assembler


def call(index: int | None, **function: Any) -> dict[str, Any]:
    """A delta of a tool call."""
    told = {"index": index, "id": function.pop("id", None), "function": function}
    return {"tool_calls": [{key: value for key, value in told.items() if value is not None}]}


def test_a_call_is_put_together() -> None:
    """Arguments that come in pieces, of two calls at once, end up with their calls."""
    reply = assembled(
        call(0, id="a", name="add", arguments=""),
        call(1, id="b", name="sub", arguments='{"x"'),
        call(0, arguments='{"y": 1}'),
        call(1, arguments=": 2}"),
    ).reply()

    assert "tool_calls" == reply.finish_reason
    assert [("a", "add", {"y": 1}), ("b", "sub", {"x": 2})] == [
        (c.id, c.name, c.arguments) for c in reply.message.tool_calls
    ]


def test_calls_that_share_an_index_stay_apart() -> None:
    """Some providers number every call 0; another id means another call."""
    reply = assembled(
        call(0, id="a", name="add", arguments="{}"), call(0, id="b", name="sub", arguments="{}")
    ).reply()

    assert ["add", "sub"] == [c.name for c in reply.message.tool_calls]


def test_a_call_without_an_id_gets_one() -> None:
    """A call can always be answered."""
    (made,) = assembled(call(None, name="add", arguments={"x": 1})).reply().message.tool_calls

    assert made.id.startswith("call_")
    assert {"x": 1} == made.arguments


DEEP = 40 * '{"x":' + "1" + 40 * "}"
UNREADABLE = ['{"x": ', "[1]", "null", "7", "nonsense", "[" * 90_000, DEEP]


@pytest.mark.parametrize("text", [*UNREADABLE, '{"x": NaN}', '{"x": 1e999}', '{"x": 1, "x": 2}'])
def test_unreadable_arguments_are_kept_for_the_model(text: str) -> None:
    """Arguments that are no JSON object come as text under one name, for a tool's fault to tell."""
    (made,) = assembled(call(0, id="a", name="add", arguments=text)).reply().message.tool_calls

    assert {UNREADABLE_ARGUMENTS: text} == made.arguments


def test_usage_is_told_or_estimated() -> None:
    """The provider's count holds, thinking included; without one, the texts are estimated."""
    told = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 40}

    assert 35 == assembled({"content": "Hi"}, usage=told).reply().usage.output_tokens
    estimated = assembled({"content": "Hi there"}).reply().usage
    assert (3, 2) == (estimated.input_tokens, estimated.output_tokens)


@pytest.mark.parametrize(
    ("told", "expected"),
    [("stop", "stop"), ("length", "length"), ("content_filter", "content_filter"), ("x", "stop")],
)
def test_reasons_are_translated(told: str, expected: str) -> None:
    """Reasons we do not know mean a plain end."""
    assert expected == assembled({"content": "Hi"}, reason=told).reply().finish_reason


def test_only_the_first_choice_counts() -> None:
    """Other choices are let go."""
    assembler = Assembler(REQUEST)

    assert "" == assembler.take('{"choices": [{"index": 1, "delta": {"content": "no"}}]}')
    assert not assembler.started


@pytest.mark.parametrize("data", ["{", "[]", "7", '{"choices": 7}', '{"choices":[{"delta":7}]}'])
def test_unreadable_events_are_faults(data: str) -> None:
    """What is no chunk is not guessed at."""
    with pytest.raises(ProviderFailure, match="no chunk"):
        Assembler(REQUEST).take(data)


def test_errors_inside_a_stream_are_faults() -> None:
    """A provider's error is told apart from an answer; its words stay for the log."""
    with pytest.raises(ProviderFailure, match="reported an error") as failure:
        Assembler(REQUEST).take('{"error": {"message": "overloaded"}}')

    assert "overloaded" == failure.value.note


def test_answers_have_bounds() -> None:
    """Too much text or too many calls are faults, not a full memory."""
    with pytest.raises(ProviderFailure, match="characters"):
        assembled({"content": "a" * 200_001})
    with pytest.raises(ProviderFailure, match="tools at once"):
        assembled(*(call(at, id=str(at), name="add") for at in range(MAX_TOOL_CALLS + 1)))
