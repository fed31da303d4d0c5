"""A provider that says what it was told to say, and a directory held in this process."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from orchstack.kernel.chat import ChatRequest, Message, Role, TextDelta, ToolCall, Usage
from orchstack.kernel.errors import NoProviderAvailable
from orchstack.llm_router.model import ProviderEvent, ProviderFailure, Reply
from orchstack.llm_router.ports import Provider

Turn = Iterable[ProviderEvent | ProviderFailure]


def says(text: str, usage: Usage | None = None) -> Turn:
    """A turn that says a text word by word."""
    words = text.split(" ")
    pieces = [word if at == 0 else f" {word}" for at, word in enumerate(words)]
    message = Message(role=Role.ASSISTANT, content=text)
    used = usage or Usage(input_tokens=10, output_tokens=len(words))
    return [
        *(TextDelta(text=piece) for piece in pieces),
        Reply(message=message, usage=used, finish_reason="stop"),
    ]


def calls(*tool_calls: ToolCall) -> Turn:
    """A turn that calls tools."""
    message = Message(role=Role.ASSISTANT, tool_calls=tool_calls)
    used = Usage(input_tokens=10, output_tokens=5)
    return [Reply(message=message, usage=used, finish_reason="tool_calls")]


@dataclass
class ScriptedProvider:
    """Plays one turn a call, and keeps what it was asked."""

    name: str = "scripted"
    local: bool = False
    images: bool = True
    window: int | None = None
    structured: bool = True
    turns: deque[Turn] = field(default_factory=deque)
    asked: list[ChatRequest] = field(default_factory=list)

    def then(self, turn: Turn) -> ScriptedProvider:
        """Add a turn."""
        self.turns.append(turn)
        return self

    def stream(self, request: ChatRequest, *, deadline: float) -> Iterator[ProviderEvent]:
        """Play the next turn. Raises the failures it holds."""
        del deadline
        self.asked.append(request)
        if not self.turns:
            raise ProviderFailure("its script has ended.")
        for event in self.turns.popleft():
            if isinstance(event, ProviderFailure):
                raise event
            yield event


@dataclass(frozen=True)
class InMemoryDirectory:
    """Providers given at the start."""

    providers: Mapping[str, Provider]
    default_model: str

    @classmethod
    def of(cls, *providers: Provider, default_model: str) -> InMemoryDirectory:
        """Hold providers under their own names."""
        return cls({provider.name: provider for provider in providers}, default_model)

    def default(self) -> str:
        """The model that `default` stands for."""
        return self.default_model

    def provider(self, name: str) -> Provider:
        """Give a provider. Raises NoProviderAvailable."""
        found = self.providers.get(name)
        if found is None:
            raise NoProviderAvailable(f"The provider {name!r} is not set up in this installation.")
        return found
