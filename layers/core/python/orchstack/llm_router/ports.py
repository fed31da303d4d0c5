"""What the router needs from the world."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from orchstack.kernel.chat import ChatRequest
from orchstack.llm_router.model import Price, ProviderEvent, Target


class Provider(Protocol):
    """One source of models, reached in one way."""

    @property
    def name(self) -> str:
        """The word before the slash in a model's name."""

    @property
    def local(self) -> bool:
        """Whether it runs beside us, at no charge."""

    @property
    def images(self) -> bool:
        """Whether its models read pictures."""

    @property
    def window(self) -> int | None:
        """How many tokens its models hold, if that is said of all of them."""

    @property
    def structured(self) -> bool:
        """Whether its models can be bound to a JSON Schema."""

    def stream(self, request: ChatRequest, *, deadline: float) -> Iterator[ProviderEvent]:
        """Answer with text as it comes and, last, exactly one Reply.

        An empty piece of text is a sign of life: the model thinks, or writes a tool call.
        `request.model` is the model's name at this provider; `deadline` is Unix time in seconds.
        Raises ProviderFailure (OutOfTime, if the deadline passed), never ends without a Reply.
        """


class ProviderDirectory(Protocol):
    """The providers this installation is configured for."""

    def default(self) -> str:
        """Say which `<provider>/<model>` is the `default`. Raises NoProviderAvailable."""

    def provider(self, name: str) -> Provider:
        """Give a provider. Raises NoProviderAvailable if it is not configured or not readable."""


class PriceBook(Protocol):
    """What models cost, and how much they hold."""

    def price(self, target: Target) -> Price:
        """Give a model's price; a conservative one if the model is not known."""

    def window(self, target: Target) -> int:
        """Give how many tokens a model holds; a modest number if the model is not known."""
