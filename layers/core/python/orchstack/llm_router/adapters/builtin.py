"""The built-in deterministic model: no key, no network, the same answer for the same words.

It does not understand language. Offered tools, it looks at the user's last words and calls the
first tool whose rule fits: a web address, `http_get`; arithmetic, `calculator`; a question for the
time or the date, `current_time`. With the tool's result, or without a tool, it answers, and says
what it is.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Iterator
from typing import Final

from orchstack.kernel.chat import ChatRequest, Message, Role, TextDelta, ToolCall, Usage
from orchstack.kernel.plain import JsonObject
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

    def stream(self, request: ChatRequest, *, deadline: float) -> Iterator[ProviderEvent]:
        """Answer word by word, at once."""
        del deadline
        call = _choose(request)
        if call is not None:
            arguments = json.dumps(call.arguments, sort_keys=True)
            message = Message(role=Role.ASSISTANT, tool_calls=(call,))
            yield _reply(
                request, message, count_words(call.name) + count_words(arguments), "tool_calls"
            )
            return
        said: list[str] = []
        spoken = 0
        answer = _answer(request.messages)
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


def _choose(request: ChatRequest) -> ToolCall | None:
    last = request.messages[-1] if request.messages else None
    if last is None or last.role is not Role.USER:
        return None
    offered = {tool.name for tool in request.tools}
    for name, arguments in _wishes(last.content):
        if name in offered:
            earlier = sum(len(message.tool_calls) for message in request.messages)
            return ToolCall(id=f"call_{earlier + 1}", name=name, arguments=arguments)
    return None


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


def _answer(messages: tuple[Message, ...]) -> str:
    last = messages[-1] if messages else Message(role=Role.USER)
    if last.role is not Role.TOOL:
        seen = _seen(last)
        return f"{I_AM} I do not understand language, so I repeat: {_quoted(last.content)}{seen}"
    names = {call.id: call.name for message in messages for call in message.tool_calls}
    since = max((at for at, message in enumerate(messages) if message.role is Role.USER), default=0)
    results = [
        f"{names.get(message.tool_call_id or '', 'tool')} says: {_quoted(message.content)}"
        for message in messages[since:]
        if message.role is Role.TOOL
    ]
    return f"{I_AM} {' '.join(results)}"


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
