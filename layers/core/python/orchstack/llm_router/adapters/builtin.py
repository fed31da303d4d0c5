"""The built-in deterministic model: no key, no network, the same answer for the same words.

It does not understand language. Offered tools, it looks at the user's last words. Where these name
tools, as in `@calculator {"expression": "6 * 7"} @current_time`, it calls them all at once, each
with the JSON object that follows its name. Else it calls the first tool whose rule fits: a web
address, `http_get`; arithmetic, `calculator`; a question for the time or the date, `current_time`.

With the tools' results, or without a tool, it answers, and says what it is. After `@say` it answers
exactly the rest of the words. Asked for JSON it fills the schema from the words, as `filling` says.
An agent that took a conversation over reads the user's last words anew.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from orchstack.kernel.chat import ChatRequest, Message, Role, TextDelta, ToolCall, Usage
from orchstack.kernel.plain import JsonObject
from orchstack.llm_router.adapters.filling import fill
from orchstack.llm_router.model import BUILTIN, FinishReason, ProviderEvent, Reply

I_AM: Final = "I am OrchStack's built-in deterministic model."

_QUOTED_AT_MOST: Final = 2_000
_TOKEN: Final = re.compile(r"\w+|[^\w\s]")
_PIECE: Final = re.compile(r"\s*\S+|\s+$")
# All bounded: a long hostile input is searched in linear time.
_ADDRESS: Final = re.compile(r"https?://[^\s<>\"')\]]{0,2000}[^\s<>\"')\].,;:!?]")
_DATE: Final = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
_TERM: Final = r"[(\-\s]{0,16}\d{1,40}(?:\.\d{1,40})?[)\s]{0,16}"
_ARITHMETIC: Final = re.compile(rf"{_TERM}(?:(?:\*\*|//|[+\-*/%\u00d7\u00f7]){_TERM}){{1,64}}")
_NAMED: Final = re.compile(r"(?<!\S)@([a-z][a-z0-9_]{0,63})\s{0,4}")
_SAY: Final = re.compile(r"(?<!\S)@say\s(.*)", re.DOTALL)
_HANDED_OVER: Final = "hand_off_to_"
_TIME: Final = re.compile(
    r"\b(what|which|tell|current|now)\b.{0,80}\b(time|date|day)\b", re.IGNORECASE
)
_ZONE: Final = re.compile(
    r"\b(?:Africa|America|Antarctica|Asia|Atlantic|Australia|Europe|Indian|"
    r"Pacific)/[A-Za-z_+\-]+(?:/[A-Za-z_]+)?|\bUTC\b"
)


class BuiltinModel:
    """The provider `builtin`; it has one model, `echo`."""

    name: str = BUILTIN
    local: bool = True
    images: bool = True
    window: int = 128_000
    structured: bool = True

    def stream(self, request: ChatRequest, *, deadline: float) -> Iterator[ProviderEvent]:
        """Answer word by word, at once."""
        del deadline
        calls = _choose(request)
        if calls:
            message = Message(role=Role.ASSISTANT, tool_calls=calls)
            written = " ".join(f"{call.name} {json.dumps(call.arguments)}" for call in calls)
            yield _reply(request, message, count_words(written), "tool_calls")
            return
        said: list[str] = []
        spoken = 0
        answer = _answer(request)
        for piece in _PIECE.findall(answer):
            spoken += count_words(piece)
            if spoken > request.max_output_tokens:
                break
            said.append(piece)
            yield TextDelta(text=piece)
        text = "".join(said)
        reason: FinishReason = "stop" if text == answer else "length"
        message = Message(role=Role.ASSISTANT, content=text)
        yield _reply(request, message, count_words(text), reason)


def _choose(request: ChatRequest) -> tuple[ToolCall, ...]:
    words = _to_act_on(request)
    if words is None:
        return ()
    offered = {tool.name for tool in request.tools}
    wishes = [wish for wish in _named(words) if wish[0] in offered]
    if not wishes:
        wishes = [wish for wish in _wishes(words) if wish[0] in offered][:1]
    earlier = sum(len(message.tool_calls) for message in request.messages)
    return tuple(
        ToolCall(id=f"call_{number}", name=name, arguments=arguments)
        for number, (name, arguments) in enumerate(wishes, start=earlier + 1)
    )


def _to_act_on(request: ChatRequest) -> str | None:
    """Give the user's words if nobody has acted on them, or another agent has handed them over."""
    last = request.messages[-1] if request.messages else None
    if last is None:
        return None
    if last.role is Role.USER:
        return last.content
    called = {call.id: call.name for message in request.messages for call in message.tool_calls}
    name = called.get(last.tool_call_id or "", "")
    if name.startswith(_HANDED_OVER) and name not in {tool.name for tool in request.tools}:
        return _asked(request.messages)
    return None


def _asked(messages: tuple[Message, ...]) -> str:
    """Give the user's last words."""
    asked = (message.content for message in messages[::-1] if message.role is Role.USER)
    return next(asked, "")


def _named(text: str) -> Iterator[tuple[str, JsonObject]]:
    """Give the tools that the words name, each with its arguments."""
    at = 0
    while found := _NAMED.search(text, at):
        at = found.end()
        arguments: object = None
        if text.startswith("{", at):
            with suppress(ValueError, RecursionError):
                arguments, at = json.JSONDecoder().raw_decode(text, at)
        yield found[1], arguments if isinstance(arguments, dict) else {}


def _wishes(text: str) -> Iterator[tuple[str, JsonObject]]:
    if address := _ADDRESS.search(text):
        yield "http_get", {"url": address[0]}
    if arithmetic := _ARITHMETIC.search(_DATE.sub(" ", text)):
        yield "calculator", {"expression": _expression(arithmetic[0])}
    if _TIME.search(text):
        zone = _ZONE.search(text)
        yield "current_time", {"timezone": zone[0] if zone else "UTC"}


def _expression(found: str) -> str:
    """Write arithmetic with the calculator's signs, less brackets that belong to the sentence."""
    written = found.replace("\u00d7", "*").replace("\u00f7", "/").strip()
    if written.count("(") == written.count(")"):
        return written
    return written.replace("(", "").replace(")", "").strip()


def _answer(request: ChatRequest) -> str:
    messages = request.messages
    last = messages[-1] if messages else Message(role=Role.USER)
    dictated = _SAY.search(last.content) if last.role is Role.USER else None
    if dictated is not None:
        return dictated[1]
    results = [] if last.role is not Role.TOOL else _results(messages)
    if request.output_schema is not None:
        words = " ".join(content for _, content in results) if results else last.content
        return json.dumps(fill(request.output_schema, _quoted(words)), ensure_ascii=False)
    if last.role is not Role.TOOL:
        seen = _seen(last)
        return f"{I_AM} I do not understand language, so I repeat: {_quoted(last.content)}{seen}"
    return " ".join([I_AM, *(f"{name} says: {_quoted(content)}" for name, content in results)])


def _results(messages: tuple[Message, ...]) -> list[tuple[str, str]]:
    """Give what the tools said since the user spoke, each with the tool's name."""
    names = {call.id: call.name for message in messages for call in message.tool_calls}
    since = max((at for at, message in enumerate(messages) if message.role is Role.USER), default=0)
    return [
        (names.get(message.tool_call_id or "", "tool"), message.content)
        for message in messages[since:]
        if message.role is Role.TOOL
    ]


def _seen(message: Message) -> str:
    """Describe the pictures of a message by what their bytes say."""
    pictures = [
        f"{len(b64decode(image.data))} bytes of {image.media_type}" for image in message.images
    ]
    return f" I was shown {' and '.join(pictures)}." if pictures else ""


def _quoted(text: str) -> str:
    return text if len(text) <= _QUOTED_AT_MOST else f"{text[:_QUOTED_AT_MOST]}…"


def _reply(
    request: ChatRequest, message: Message, output_tokens: int, reason: FinishReason
) -> Reply:
    read = sum(count_words(said.content) for said in request.messages)
    usage = Usage(input_tokens=read, output_tokens=output_tokens)
    return Reply(message=message, usage=usage, finish_reason=reason)


def count_words(text: str) -> int:
    """Count a text's tokens: each word and each other mark is one."""
    return len(_TOKEN.findall(text))
