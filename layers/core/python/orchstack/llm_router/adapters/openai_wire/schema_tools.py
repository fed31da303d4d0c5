"""Tools for models whose chat template knows none: a JSON Schema makes them choose.

Two calls of the model: one, bound by the schema, decides between a tool and an answer; if it is the
answer, or once tools have answered, a second one speaks freely and is streamed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pydantic import BaseModel, ValidationError

from orchstack.kernel import strict_json
from orchstack.kernel.chat import ChatRequest, Message, Role, ToolCall, ToolSpec, Usage
from orchstack.kernel.errors import InvalidRequest
from orchstack.kernel.ids import new_id
from orchstack.kernel.plain import JsonObject
from orchstack.llm_router.adapters.openai_wire.wire import OpenAiWire
from orchstack.llm_router.model import ProviderEvent, Reply

_DECIDE_TOKENS: Final = 256
# Words about a schema, not rules of it; and bounds that a grammar would spell out repeat by repeat.
_DROPPED: Final = frozenset(
    {"title", "description", "default", "examples", "format", "pattern", "maxLength", "minLength"}
)


class _Decision(BaseModel):
    """What the schema lets the model say."""

    tool: str | None = None
    arguments: JsonObject = {}


class SchemaTools:
    """An OpenAI-wire provider whose models choose tools by schema."""

    def __init__(self, wire: OpenAiWire) -> None:
        """Take the way to the server; it must honour `response_format` of type `json_schema`."""
        self.name = wire.name
        self.local = wire.local
        self.images = wire.images
        self.structured = wire.structured
        self.window = wire.window
        self._wire = wire

    def stream(self, request: ChatRequest, *, deadline: float) -> Iterator[ProviderEvent]:
        """Answer with text as it comes, or a tool call, and last one Reply."""
        used = Usage()
        last = request.messages[-1].role if request.messages else Role.USER
        if request.tools and last is not Role.TOOL:
            decided = self._decide(request, deadline)
            if decided.message.tool_calls:
                yield decided
                return
            used = decided.usage
        for event in self._wire.converse(_plain(request), deadline=deadline):
            if isinstance(event, Reply):
                yield event.model_copy(update={"usage": event.usage + used})
            else:
                yield event

    def _decide(self, request: ChatRequest, deadline: float) -> Reply:
        """Give a Reply with a tool call, or one whose text is of no use: the answer was chosen."""
        asked = _plain(request, choose=True)
        asked = asked.model_copy(
            update={
                "max_output_tokens": min(request.max_output_tokens, _DECIDE_TOKENS),
                "temperature": 0.0,
            }
        )
        extra = {"response_format": _response_format(request.tools)}
        events = self._wire.converse(asked, deadline=deadline, extra=extra)
        reply = next(event for event in events if isinstance(event, Reply))
        call = _tool_call(reply.message.content, request.tools)
        if call is None:
            return reply
        message = Message(role=Role.ASSISTANT, tool_calls=(call,))
        return Reply(message=message, usage=reply.usage, finish_reason="tool_calls")


def _tool_call(text: str, tools: tuple[ToolSpec, ...]) -> ToolCall | None:
    try:
        decision = _Decision.model_validate(strict_json.read(text))
    except (InvalidRequest, ValidationError):
        # Cut off by the limit: no decision.
        return None
    if decision.tool is None or decision.tool not in {tool.name for tool in tools}:
        return None
    return ToolCall(id=f"call_{new_id().hex}", name=decision.tool, arguments=decision.arguments)


def _response_format(tools: tuple[ToolSpec, ...]) -> JsonObject:
    answer = _object({"answer": {"type": "string"}})
    calls = [
        _object({"tool": {"const": tool.name}, "arguments": _bare(tool.parameters)})
        for tool in tools
    ]
    schema = {"anyOf": [*calls, answer]}
    return {
        "type": "json_schema",
        "json_schema": {"name": "decision", "strict": True, "schema": schema},
    }


def _object(properties: JsonObject) -> JsonObject:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _bare(schema: JsonObject) -> JsonObject:
    """A parameters schema less its words; property names are kept, whatever they are called."""
    bare: JsonObject = {}
    for name, value in schema.items():
        if name == "properties":
            bare[name] = {key: _bare(inner) for key, inner in value.items()}
        elif name not in _DROPPED:
            bare[name] = _bare(value) if isinstance(value, dict) else value
    return bare


def _plain(request: ChatRequest, *, choose: bool = False) -> ChatRequest:
    """The request as a conversation of system, user and assistant, without tools."""
    names = {call.id: call.name for said in request.messages for call in said.tool_calls}
    messages = [_told(message, names) for message in request.messages]
    if choose:
        offered = "\n".join(f"- {tool.name}: {tool.description}" for tool in request.tools)
        words = (
            f"You can call one of these tools:\n{offered}\n"
            "Reply in JSON with the tool and its arguments, or with an answer if none helps."
        )
        messages = [*messages[:-1], Message(role=Role.SYSTEM, content=words), *messages[-1:]]
    schema = None if choose or request.output_schema is None else _bare(request.output_schema)
    plain = {"messages": tuple(messages), "tools": (), "output_schema": schema}
    return request.model_copy(update=plain)


def _told(message: Message, names: dict[str, str]) -> Message:
    """Say it without tools; shown its calls as JSON, a small model goes on in JSON."""
    if message.role is Role.TOOL:
        name = names.get(message.tool_call_id or "", "tool")
        words = f"The tool {name} answered: {message.content}\nTell me this result in a sentence."
        return Message(role=Role.USER, content=words)
    if message.tool_calls:
        called = " and ".join(call.name for call in message.tool_calls)
        return Message(role=Role.ASSISTANT, content=message.content or f"I ask the tool {called}.")
    return message
