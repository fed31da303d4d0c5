"""Putting a streamed answer together from its chunks."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Annotated, Final

from pydantic import ConfigDict, Field, ValidationError

from orchstack.kernel import strict_json
from orchstack.kernel.chat import (
    MAX_TEXT,
    UNREADABLE_ARGUMENTS,
    ChatRequest,
    Message,
    Role,
    ToolCall,
    Usage,
)
from orchstack.kernel.errors import InvalidRequest
from orchstack.kernel.frozen import Frozen
from orchstack.kernel.ids import new_id
from orchstack.kernel.plain import JsonObject
from orchstack.kernel.tokens import estimate_tokens
from orchstack.llm_router.model import FinishReason, ProviderFailure, Reply

MAX_TOOL_CALLS: Final = 64
MAX_NAME: Final = 64
MAX_ID: Final = 128

_FINISH: Final[dict[str, FinishReason]] = {
    "length": "length",
    "content_filter": "content_filter",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
}


class _Lenient(Frozen):
    model_config = ConfigDict(extra="ignore")


class _Function(_Lenient):
    name: str | None = None
    arguments: str | JsonObject | None = None


class _CallDelta(_Lenient):
    index: int | None = None
    id: str | None = None
    function: _Function = _Function()


class _Delta(_Lenient):
    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[_CallDelta] | None = None


class _Choice(_Lenient):
    index: int = 0
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Usage(_Lenient):
    prompt_tokens: Annotated[int, Field(ge=0)] = 0
    completion_tokens: Annotated[int, Field(ge=0)] = 0
    total_tokens: Annotated[int, Field(ge=0)] = 0


class Chunk(_Lenient):
    """One event of a streamed answer; fields we have no use for are let go."""

    choices: list[_Choice] = []
    usage: _Usage | None = None
    error: str | JsonObject | None = None


@dataclass
class _OpenCall:
    """A tool call that is still being written."""

    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)

    def close(self) -> ToolCall:
        text = "".join(self.arguments)
        return ToolCall(
            id=self.id if 0 < len(self.id) <= MAX_ID else f"call_{new_id().hex}",
            name=self.name[:MAX_NAME],
            arguments=_arguments(text),
        )


@dataclass
class Assembler:
    """Takes the chunks of one answer; `started` once any of it arrived, `finished` at its end."""

    request: ChatRequest
    started: bool = False
    finish_reason: str | None = None
    _text: list[str] = field(default_factory=list)
    _length: int = 0
    _calls: list[_OpenCall] = field(default_factory=list)
    _by_index: dict[int, _OpenCall] = field(default_factory=dict)
    _usage: _Usage | None = None

    def take(self, data: str) -> str:
        """Take an event's data; gives its text. Raises ProviderFailure on anything unreadable."""
        try:
            chunk = Chunk.model_validate_json(data)
        except ValidationError:
            raise ProviderFailure("it sent an event that is no chunk of an answer.") from None
        if chunk.error is not None:
            raise _in_band(chunk.error)
        self._usage = chunk.usage or self._usage
        return "".join(self._choose(choice) for choice in chunk.choices if choice.index == 0)

    def reply(self) -> Reply:
        """Give the whole answer, with its usage estimated if the provider told none."""
        calls = tuple(call.close() for call in self._calls)
        reason = _FINISH.get(self.finish_reason or "", "stop")
        return Reply(
            message=Message(role=Role.ASSISTANT, content="".join(self._text), tool_calls=calls),
            usage=self._used(),
            finish_reason="tool_calls" if calls and reason == "stop" else reason,
        )

    def _choose(self, choice: _Choice) -> str:
        self.finish_reason = choice.finish_reason or self.finish_reason
        delta = choice.delta
        if delta is None:
            return ""
        text = (delta.content or "") + (delta.refusal or "")
        for call in delta.tool_calls or ():
            self._grow(call)
        self.started = self.started or bool(text or delta.tool_calls or delta.reasoning_content)
        self._add(len(text))
        self._text.append(text)
        return text

    def _grow(self, delta: _CallDelta) -> None:
        call = self._call_of(delta)
        call.id = call.id or delta.id or ""
        call.name = call.name or delta.function.name or ""
        arguments = delta.function.arguments or ""
        written = arguments if isinstance(arguments, str) else json.dumps(arguments)
        self._add(len(written))
        call.arguments.append(written)

    def _call_of(self, delta: _CallDelta) -> _OpenCall:
        """Find the call of that index; another id means another call, whatever the index says."""
        index = len(self._calls) if delta.index is None else delta.index
        call = self._by_index.get(index)
        if call is not None and (not delta.id or call.id in ("", delta.id)):
            return call
        if len(self._calls) == MAX_TOOL_CALLS:
            raise ProviderFailure(f"it called more than {MAX_TOOL_CALLS} tools at once.")
        call = self._by_index[index] = _OpenCall()
        self._calls.append(call)
        return call

    def _add(self, characters: int) -> None:
        self._length += characters
        if self._length > MAX_TEXT:
            raise ProviderFailure(f"its answer passes {MAX_TEXT} characters.")

    def _used(self) -> Usage:
        if self._usage is None:
            return self._estimated()
        told = self._usage
        # Some providers count what a model thinks in the total only.
        output = max(told.completion_tokens, told.total_tokens - told.prompt_tokens)
        return Usage(input_tokens=told.prompt_tokens, output_tokens=output)

    def _estimated(self) -> Usage:
        said = [message.content for message in self.request.messages]
        shown = [tool.model_dump_json() for tool in self.request.tools]
        calls = [f"{call.name}{''.join(call.arguments)}" for call in self._calls]
        return Usage(
            input_tokens=sum(map(estimate_tokens, said + shown)),
            output_tokens=sum(map(estimate_tokens, ["".join(self._text), *calls])),
        )


def _arguments(text: str) -> JsonObject:
    """Read a call's arguments strictly, since they are kept and shown; none stand for none."""
    try:
        read = strict_json.read(text) if text.strip() else {}
    except InvalidRequest:
        read = None
    return read if isinstance(read, dict) else {UNREADABLE_ARGUMENTS: text}


def _in_band(error: str | JsonObject) -> ProviderFailure:
    words = error if isinstance(error, str) else str(error.get("message") or error.get("type"))
    return ProviderFailure("it reported an error in its stream.", retryable=True, note=words)
