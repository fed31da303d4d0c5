"""The built-in model's documented rules."""

from __future__ import annotations

import json

import pytest

from orchstack.kernel.chat import ChatRequest, Message, Role, TextDelta, ToolCall, ToolSpec
from orchstack.llm_router.adapters.builtin import I_AM, BuiltinModel
from orchstack.llm_router.model import Reply

TOOLS = tuple(
    ToolSpec(name=name, description="", parameters={})
    for name in ("calculator", "current_time", "http_get")
)


def reply(*messages: Message, tools: tuple[ToolSpec, ...] = TOOLS, most: int = 1_000) -> Reply:
    """The end of the built-in model's answer."""
    request = ChatRequest(model="echo", messages=messages, tools=tools, max_output_tokens=most)
    *text, last = BuiltinModel().stream(request, deadline=0.0)
    assert isinstance(last, Reply)
    said = "".join(event.text for event in text if isinstance(event, TextDelta))
    assert said == last.message.content
    return last


def user(text: str) -> Message:
    """What a user says."""
    return Message(role=Role.USER, content=text)


@pytest.mark.parametrize(
    ("text", "tool", "arguments"),
    [
        ("What is 17 * 23?", "calculator", {"expression": "17 * 23"}),
        ("Compute (1 + 2) * -3 please", "calculator", {"expression": "(1 + 2) * -3"}),
        ("(see 6 \u00d7 7)", "calculator", {"expression": "6 * 7"}),
        ("What time is it in Europe/Berlin?", "current_time", {"timezone": "Europe/Berlin"}),
        ("Tell me the date.", "current_time", {"timezone": "UTC"}),
        ("Read https://example.com/a?b=1.", "http_get", {"url": "https://example.com/a?b=1"}),
    ],
)
def test_the_first_rule_that_fits_calls_its_tool(
    text: str, tool: str, arguments: dict[str, str]
) -> None:
    """An address, arithmetic, or a question for the time chooses the tool."""
    answer = reply(user(text))

    assert "tool_calls" == answer.finish_reason
    assert [(tool, arguments)] == [(c.name, c.arguments) for c in answer.message.tool_calls]


@pytest.mark.parametrize("text", ["Hello!", "On 2026-11-24 we met.", ""])
def test_without_a_rule_it_repeats_and_says_what_it_is(text: str) -> None:
    """Nobody can take it for a language model."""
    answer = reply(user(text))

    assert answer.message.content.startswith(I_AM)
    assert answer.message.content.endswith(text)
    assert "stop" == answer.finish_reason


def test_a_tool_that_is_not_offered_is_not_called() -> None:
    """Only what the request offers is chosen."""
    assert () == reply(user("What is 1 + 1?"), tools=()).message.tool_calls


def test_the_result_is_told() -> None:
    """Once the tool answered, the answer holds what it said."""
    call = ToolCall(id="call_1", name="calculator", arguments={})
    answer = reply(
        user("What is 17 * 23?"),
        Message(role=Role.ASSISTANT, tool_calls=(call,)),
        Message(role=Role.TOOL, tool_call_id="call_1", content="391"),
    )

    assert f"{I_AM} calculator says: 391" == answer.message.content


def test_it_is_deterministic() -> None:
    """The same words give the same answer and the same tokens."""
    assert reply(user("One two, three.")) == reply(user("One two, three."))
    assert 5 == reply(user("One two, three.")).usage.input_tokens


def test_it_stops_at_the_limit() -> None:
    """The output limit cuts the answer and is told as the reason."""
    answer = reply(user("One two three"), most=3)

    assert "length" == answer.finish_reason
    assert answer.usage.output_tokens <= 3


@pytest.mark.parametrize("unit", ["-", "(", "1 ", "1+", "what ", "http://", "1 - ", "2026-11-24"])
def test_hostile_words_take_no_time(unit: str) -> None:
    """The rules are searched in linear time."""
    assert reply(user(unit * (100_000 // len(unit)))).usage.input_tokens > 0


def test_tools_that_are_named_are_called_at_once() -> None:
    """All in one answer, in the order of the words, each with the JSON that follows it."""
    words = '@calculator {"expression": "6 * 7"} and @current_time, then @shell {"a": 1}'
    calls = reply(user(words)).message.tool_calls

    assert [
        ("call_1", "calculator", {"expression": "6 * 7"}),
        ("call_2", "current_time", {}),
    ] == [(call.id, call.name, call.arguments) for call in calls]


@pytest.mark.parametrize(
    "words", ["bob@calculator.example", '{"a": "@calculator"}', "@@calculator"]
)
def test_a_name_inside_a_word_is_no_call(words: str) -> None:
    """Addresses and what is quoted in JSON are words like others."""
    assert "stop" == reply(user(words)).finish_reason


def test_it_says_what_it_is_told_to_say() -> None:
    """To the letter, so that what comes after can be shown."""
    assert "no JSON, 1 + 1" == reply(user("Please @say no JSON, 1 + 1"), tools=()).message.content


@pytest.mark.parametrize(("tools", "called"), [(TOOLS, ["calculator"]), ((), [])])
def test_an_agent_that_took_over_reads_the_words_anew(
    tools: tuple[ToolSpec, ...], called: list[str]
) -> None:
    """With the tools that it has itself."""
    handed = ToolCall(id="h", name="hand_off_to_sums")
    asked = (user("17 * 23?"), Message(role=Role.ASSISTANT, tool_calls=(handed,)))
    answer = reply(*asked, Message(role=Role.TOOL, content="Done.", tool_call_id="h"), tools=tools)

    assert called == [call.name for call in answer.message.tool_calls]


def test_a_refused_hand_off_is_not_tried_again() -> None:
    """The tool is still offered, so nobody has taken over."""
    handed = ToolCall(id="h", name="hand_off_to_sums")
    asked = (user("@hand_off_to_sums"), Message(role=Role.ASSISTANT, tool_calls=(handed,)))
    spec = ToolSpec(name="hand_off_to_sums", description="", parameters={})
    answer = reply(*asked, Message(role=Role.TOOL, content="No.", tool_call_id="h"), tools=(spec,))

    assert answer.message.content.endswith("hand_off_to_sums says: No.")


def test_asked_for_json_it_fills_the_schema() -> None:
    """From what the user said, and from what the tools said."""
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    request = ChatRequest(
        model="echo", messages=(user("It is 42."),), max_output_tokens=99, output_schema=schema
    )
    *_, last = BuiltinModel().stream(request, deadline=0.0)

    assert isinstance(last, Reply)
    assert {"n": 42} == json.loads(last.message.content)
