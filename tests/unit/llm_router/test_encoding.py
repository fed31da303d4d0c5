"""Our requests in the words of OpenAI's chat API."""

from __future__ import annotations

from orchstack.kernel.chat import (
    UNREADABLE_ARGUMENTS,
    ChatRequest,
    Image,
    Message,
    Role,
    ToolCall,
    ToolSpec,
)
from orchstack.llm_router.adapters.openai_wire.encoding import encode

CALL = ToolCall(id="c1", name="add", arguments={"x": 1})
SPEC = ToolSpec(name="add", description="Adds.", parameters={"type": "object"})


def test_a_conversation_is_written_as_the_api_wants_it() -> None:
    """Roles, calls, results, tools and limits stand where OpenAI's reference puts them."""
    request = ChatRequest(
        model="m",
        messages=(
            Message(role=Role.SYSTEM, content="Be kind."),
            Message(role=Role.USER, content="Add."),
            Message(role=Role.ASSISTANT, tool_calls=(CALL,)),
            Message(role=Role.TOOL, tool_call_id="c1", content="2"),
        ),
        tools=(SPEC,),
        max_output_tokens=7,
        temperature=0.5,
    )
    function = {"name": "add", "arguments": '{"x": 1}'}

    assert {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "Add."},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "c1", "type": "function", "function": function}],
            },
            {"role": "tool", "content": "2", "tool_call_id": "c1"},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 7,
        "temperature": 0.5,
        "tools": [{"type": "function", "function": SPEC.model_dump()}],
    } == encode(request, "max_tokens")


def test_what_is_not_asked_is_not_sent() -> None:
    """Without tools and temperature the fields are absent: some models refuse them."""
    request = ChatRequest(model="m", messages=(), max_output_tokens=1)

    assert {"tools", "temperature"}.isdisjoint(encode(request, "max_completion_tokens"))


def test_unreadable_arguments_go_back_as_they_came() -> None:
    """The model sees its own slip when it is told of it."""
    call = CALL.model_copy(update={"arguments": {UNREADABLE_ARGUMENTS: "{oops"}})
    said = (Message(role=Role.ASSISTANT, tool_calls=(call,)),)
    body = encode(ChatRequest(model="m", messages=said, max_output_tokens=1), "max_tokens")

    assert "{oops" == body["messages"][0]["tool_calls"][0]["function"]["arguments"]


def test_pictures_stand_after_the_words_as_data() -> None:
    """A message with pictures is a list of parts; each picture is a data URL."""
    picture = Image(sha256="a" * 64, media_type="image/png", size=6, data="cGl4ZWxz")
    said = Message(role=Role.USER, content="What is this?", images=(picture,))
    asked = ChatRequest(model="m", messages=(said,), max_output_tokens=1)

    (written,) = encode(asked, "max_tokens")["messages"]

    url = "data:image/png;base64,cGl4ZWxz"
    assert [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": url}},
    ] == written["content"]


def test_an_output_schema_binds_the_answer() -> None:
    """As `response_format`, and only if there is one."""
    schema = {"type": "object"}
    request = ChatRequest(model="m", messages=(), max_output_tokens=1)
    bound = encode(request.model_copy(update={"output_schema": schema}), "max_tokens")
    named = {"name": "answer", "schema": schema}

    assert {"type": "json_schema", "json_schema": named} == bound["response_format"]
    assert "response_format" not in encode(request, "max_tokens")
