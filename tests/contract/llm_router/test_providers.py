"""What every provider promises."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from orchstack.kernel.chat import ChatRequest, Message, Role, TextDelta, ToolCall, ToolSpec
from orchstack.kernel.clock import SystemClock
from orchstack.llm_router.adapters.builtin import BuiltinModel
from orchstack.llm_router.adapters.in_memory import ScriptedProvider, calls, says
from orchstack.llm_router.adapters.openai_wire.schema_tools import SchemaTools
from orchstack.llm_router.adapters.openai_wire.wire import OpenAiWire
from orchstack.llm_router.model import ProviderSettings, Reply
from orchstack.llm_router.ports import Provider
from tests.faults.llm_router.provider_stub import (
    DONE,
    HEAD,
    LAST_CHUNK,
    USAGE,
    Scene,
    Stub,
    answer,
    delta,
    end,
    event,
    provider,
    sending,
)

CALCULATOR = ToolSpec(
    name="calculator",
    description="Calculates.",
    parameters={"type": "object", "properties": {"expression": {"type": "string"}}},
)
CALL = ToolCall(id="call_1", name="calculator", arguments={"expression": "17 * 23"})
QUESTION = Message(role=Role.USER, content="What is 17 * 23?")
NAMES = ["builtin", "scripted", "wire", "schema"]


def native_call() -> Scene:
    """A stream that calls the calculator."""
    function = {"name": CALL.name, "arguments": json.dumps(CALL.arguments)}
    told = {"tool_calls": [{"index": 0, "id": "call_1", "function": function}]}
    events = [event(delta("", **told)), event(end("tool_calls")), event(USAGE), event(DONE)]
    return sending(HEAD + b"".join(events) + LAST_CHUNK)


def chosen(**decision: object) -> Scene:
    """A stream of a decision by schema."""
    return answer(json.dumps(decision))


def over(stub: Stub, *, schema: bool) -> Provider:
    """A provider that speaks to a stub."""
    wire = OpenAiWire("stub", ProviderSettings(base_url=stub.url), SystemClock())
    return SchemaTools(wire) if schema else wire


@pytest.fixture(params=NAMES)
def calling(request: pytest.FixtureRequest) -> Iterator[Provider]:
    """A provider that wants the calculator."""
    if request.param == "builtin":
        yield BuiltinModel()
    elif request.param == "scripted":
        yield ScriptedProvider().then(calls(CALL))
    elif request.param == "wire":
        with provider(native_call()) as stub:
            yield over(stub, schema=False)
    else:
        with provider(chosen(tool="calculator", arguments=CALL.arguments)) as stub:
            yield over(stub, schema=True)


@pytest.fixture(params=NAMES)
def answering(request: pytest.FixtureRequest) -> Iterator[Provider]:
    """A provider that answers."""
    if request.param == "builtin":
        yield BuiltinModel()
    elif request.param == "scripted":
        yield ScriptedProvider().then(says("It is 391."))
    else:
        with provider(answer("It ", "is ", "391.")) as stub:
            yield over(stub, schema=request.param == "schema")


def ask(
    asked: Provider, *messages: Message, tools: tuple[ToolSpec, ...] = (CALCULATOR,)
) -> tuple[list[str], Reply]:
    """The pieces of text and the reply to a conversation."""
    request = ChatRequest(model="m", messages=messages, tools=tools, max_output_tokens=100)
    *texts, reply = asked.stream(request, deadline=time.time() + 10)
    assert isinstance(reply, Reply)
    assert all(isinstance(text, TextDelta) for text in texts)
    return [text.text for text in texts if isinstance(text, TextDelta) and text.text], reply


def test_a_tool_is_called(calling: Provider) -> None:
    """A call comes as a reply without text, with its name, arguments and an id."""
    texts, reply = ask(calling, QUESTION)
    (call,) = reply.message.tool_calls

    assert [] == texts
    assert "tool_calls" == reply.finish_reason
    assert ("calculator", {"expression": "17 * 23"}) == (call.name, call.arguments)
    assert call.id


def test_the_text_streams_and_the_reply_holds_it_whole(answering: Provider) -> None:
    """What streams is what the reply says, and it comes in more than one piece."""
    result = Message(role=Role.TOOL, tool_call_id="call_1", content="391")
    called = Message(role=Role.ASSISTANT, tool_calls=(CALL,))
    texts, reply = ask(answering, QUESTION, called, result)

    assert len(texts) > 1
    assert "".join(texts) == reply.message.content
    assert "391" in reply.message.content
    assert ("stop", ()) == (reply.finish_reason, reply.message.tool_calls)


def test_tokens_are_counted(answering: Provider) -> None:
    """Every reply says what it used."""
    usage = ask(answering, QUESTION, tools=())[1].usage

    assert usage.input_tokens > 0
    assert usage.output_tokens > 0


def test_thinking_is_a_sign_of_life() -> None:
    """While a model thinks, empty pieces come: whoever waits knows that it is at work."""
    thought = {"choices": [{"index": 0, "delta": {"reasoning_content": "Hm."}}]}
    events = [event(thought), event(thought), event(delta("Yes")), event(end()), event(DONE)]
    request = ChatRequest(model="m", messages=(QUESTION,), max_output_tokens=100)
    with provider(sending(HEAD + b"".join(events) + LAST_CHUNK)) as stub:
        told = over(stub, schema=False).stream(request, deadline=time.time() + 10)
        first, second, third, *_ = (e.text for e in told if isinstance(e, TextDelta))

    assert ["", "", "Yes"] == [first, second, third]


def test_a_schema_lets_the_model_answer_instead() -> None:
    """If the answer is chosen, a second call without a schema streams it; both are counted."""
    with provider(chosen(answer="Hi"), answer("Hi ", "you")) as stub:
        texts, reply = ask(over(stub, schema=True), QUESTION)

    assert ["Hi ", "you"] == texts
    assert (10, 6) == (reply.usage.input_tokens, reply.usage.output_tokens)
    assert ["response_format" in body for body in stub.bodies] == [True, False]


def test_an_answer_is_bound_to_its_own_schema() -> None:
    """Once it is chosen, less what a grammar cannot hold; the choice has a schema of its own."""
    asked = ChatRequest(
        model="m",
        messages=(QUESTION,),
        tools=(CALCULATOR,),
        max_output_tokens=100,
        output_schema={"type": "object", "properties": {"n": {"type": "string", "pattern": "1"}}},
    )
    with provider(chosen(answer="Hi"), answer("{}")) as stub:
        list(over(stub, schema=True).stream(asked, deadline=time.time() + 10))
    choice, bound = (body["response_format"]["json_schema"] for body in stub.bodies)

    assert ("decision", "answer") == (choice["name"], bound["name"])
    assert {"type": "object", "properties": {"n": {"type": "string"}}} == bound["schema"]


@pytest.mark.parametrize("said", ['{"tool": "calcu', '{"tool": "other", "arguments": {}}', "[]"])
def test_an_undecided_model_answers(said: str) -> None:
    """A decision that was cut off or names no tool we have counts as an answer."""
    with provider(answer(said), answer("Hello")) as stub:
        assert ["Hello"] == ask(over(stub, schema=True), QUESTION)[0]


def test_the_schema_offers_each_tool_and_an_answer() -> None:
    """The schema names every tool with its own parameters, less what a grammar cannot hold."""
    bounded = {"type": "string", "maxLength": 500, "description": "What"}
    tool = CALCULATOR.model_copy(
        update={"parameters": {"type": "object", "properties": {"title": bounded}}}
    )
    with provider(chosen(answer="Hi"), answer("Hi")) as stub:
        ask(over(stub, schema=True), QUESTION, tools=(tool,))
    first, last = stub.bodies[0]["response_format"]["json_schema"]["schema"]["anyOf"]

    assert {"const": "calculator"} == first["properties"]["tool"]
    assert {"title": {"type": "string"}} == first["properties"]["arguments"]["properties"]
    assert ["answer"] == last["required"]
    assert "tools" not in stub.bodies[0]
    assert {"system", "user"} == {message["role"] for message in stub.bodies[0]["messages"]}
