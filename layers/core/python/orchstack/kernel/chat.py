"""The vocabulary of a conversation with a model, shared by the services that carry it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from orchstack.kernel.frozen import Frozen
from orchstack.kernel.plain import JsonObject

MicroDollars = int
MAX_TEXT = 200_000
# Where a model's arguments were no JSON object, they stand as text under this one name.
UNREADABLE_ARGUMENTS = "__unreadable__"


class Role(StrEnum):
    """Who speaks."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class ToolCall(Frozen):
    """A model's wish to have a tool called."""

    id: Annotated[str, Field(max_length=128)]
    name: Annotated[str, Field(max_length=64)]
    arguments: JsonObject = {}


ImageType = Literal["image/png", "image/jpeg", "image/gif", "image/webp"]


class Image(Frozen):
    """A picture, named by its content (SHA-256, hex); `size` in bytes.

    `data` (Base64) is there only on the way to a provider: everywhere else the name stands for it.
    """

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    media_type: ImageType
    size: int
    data: Annotated[str, Field(repr=False)] = ""


class Message(Frozen):
    """One turn. Text of the roles `user` and `tool` is untrusted and stays labelled by its role."""

    role: Role
    content: Annotated[str, Field(max_length=MAX_TEXT)] = ""
    images: tuple[Image, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    # Its place in the session it was recalled from.
    seq: int | None = None


class ToolSpec(Frozen):
    """A tool as a model is shown it; `parameters` is a JSON Schema object."""

    name: str
    description: str
    parameters: JsonObject


class Usage(Frozen):
    """What a model call used, in tokens."""

    input_tokens: int = 0
    output_tokens: int = 0

    @property
    def total(self) -> int:
        """Input and output together."""
        return self.input_tokens + self.output_tokens

    def __add__(self, other: Usage) -> Usage:
        """Add up two usages."""
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
        )


class ChatRequest(Frozen):
    """One call of a model."""

    model: str
    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()
    max_output_tokens: int
    temperature: float | None = None
    # A JSON Schema that the answer has to fit.
    output_schema: JsonObject | None = None


class TextDelta(Frozen):
    """A piece of the answer's text, as the model streams it."""

    kind: Literal["text"] = "text"
    text: str


class Completion(Frozen):
    """The end of a model call: the whole answer and what it cost."""

    kind: Literal["completion"] = "completion"
    message: Message
    usage: Usage
    cost: MicroDollars
    provider: str
    model: str
    finish_reason: Literal["stop", "tool_calls", "length", "content_filter"]


ChatEvent = TextDelta | Completion
