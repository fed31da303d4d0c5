"""Resolves a model's name, calls its provider, retries while that is safe, prices the call."""

from __future__ import annotations

import random
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from orchstack.kernel.blobs import Blobs
from orchstack.kernel.chat import (
    ChatEvent,
    ChatRequest,
    Completion,
    Image,
    Message,
    MicroDollars,
    TextDelta,
    Usage,
)
from orchstack.kernel.clock import Clock
from orchstack.kernel.errors import DeadlineExceeded, NoProviderAvailable, UnsupportedInput
from orchstack.kernel.observability import logger
from orchstack.llm_router.model import (
    DEFAULT,
    FREE,
    ModelCard,
    OutOfTime,
    Price,
    ProviderFailure,
    Reply,
    Target,
)
from orchstack.llm_router.ports import PriceBook, Provider, ProviderDirectory
from orchstack.llm_router.prices import most_input_tokens

ATTEMPTS: Final = 4
BACKOFF_BASE_S: Final = 0.5
BACKOFF_CAP_S: Final = 8.0


@dataclass(frozen=True, kw_only=True)
class LlmRouter:
    """Streams the answer of one model; `pause` and `chance` are seams for tests."""

    directory: ProviderDirectory
    prices: PriceBook
    pictures: Blobs
    clock: Clock
    pause: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random

    def stream(
        self, tenant_id: UUID, request: ChatRequest, *, deadline: float
    ) -> Iterator[ChatEvent]:
        """Answer with text as it comes and, last, exactly one Completion.

        `deadline` is Unix time in seconds. Raises NoProviderAvailable or DeadlineExceeded.
        A call is made again only before any part of an answer arrived: nothing is said or billed
        twice.
        """
        card = self.describe(request.model)
        provider = self.directory.provider(card.provider)
        shown = tuple(self._shown(tenant_id, message) for message in request.messages)
        schema = request.output_schema if card.structured else None
        seen = {"model": card.model, "messages": shown, "output_schema": schema}
        asked = request.model_copy(update=seen)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                yield from _priced(provider.stream(asked, deadline=deadline), card)
            except ProviderFailure as failure:
                logger.warning(
                    "model call failed",
                    extra={
                        "tenant_id": str(tenant_id),
                        "model": card.name,
                        "attempt": attempt,
                        "reason": str(failure),
                        "note": failure.note,
                    },
                )
                self._wait_or_give_up(failure, attempt, card, deadline)
            else:
                return

    def worst_cost(self, request: ChatRequest) -> MicroDollars:
        """Bound the cost of a call: each byte of input a token, and all the output allowed used.

        Raises UnsupportedInput if the model cannot read a picture among the messages.
        """
        card = self.describe(request.model)
        if not card.images and any(message.images for message in request.messages):
            raise UnsupportedInput(f"The model {card.name} reads no images.")
        usage = Usage(
            input_tokens=most_input_tokens(request), output_tokens=request.max_output_tokens
        )
        return card.price.cost(usage)

    def describe(self, model: str) -> ModelCard:
        """Say what is known of a model. Raises NoProviderAvailable if it cannot be reached."""
        name = self.directory.default() if model == DEFAULT else model
        provider_name, _, model_name = name.partition("/")
        target = Target(provider=provider_name, model=model_name)
        provider = self.directory.provider(target.provider)
        return ModelCard(
            name=target.name,
            provider=target.provider,
            model=target.model,
            price=self._price(provider, target),
            images=provider.images,
            window=provider.window or self.prices.window(target),
            structured=provider.structured,
        )

    def _shown(self, tenant_id: UUID, message: Message) -> Message:
        """Put the bytes of its pictures into a message."""
        if not message.images:
            return message
        images = tuple(self._loaded(tenant_id, image) for image in message.images)
        return message.model_copy(update={"images": images})

    def _loaded(self, tenant_id: UUID, image: Image) -> Image:
        data = b64encode(self.pictures.read(tenant_id, image.sha256)).decode()
        return image.model_copy(update={"data": data})

    def _price(self, provider: Provider, target: Target) -> Price:
        return FREE if provider.local else self.prices.price(target)

    def _wait_or_give_up(
        self, failure: ProviderFailure, attempt: int, card: ModelCard, deadline: float
    ) -> None:
        if isinstance(failure, OutOfTime):
            raise DeadlineExceeded(
                f"The model {card.name} did not answer within the time of this request; "
                "ask for less, or give the agent more seconds."
            ) from failure
        wait = self._backoff(failure, attempt)
        time_left = deadline - self.clock.now().timestamp()
        final = failure.started or not failure.retryable or attempt == ATTEMPTS
        if final or wait >= time_left:
            raise NoProviderAvailable(
                f"The model {card.name} could not answer: {failure}",
                retry_after_s=wait if failure.retryable else None,
            ) from failure
        self.pause(wait)

    def _backoff(self, failure: ProviderFailure, attempt: int) -> float:
        """Wait as long as the provider asked, else by full jitter."""
        if failure.retry_after_s is not None:
            return failure.retry_after_s
        return self.chance() * min(BACKOFF_CAP_S, BACKOFF_BASE_S * 2.0 ** (attempt - 1))


def _priced(
    events: Iterator[TextDelta | Reply], card: ModelCard
) -> Iterator[TextDelta | Completion]:
    for event in events:
        if isinstance(event, TextDelta):
            yield event
            continue
        yield Completion(
            message=event.message,
            usage=event.usage,
            cost=card.price.cost(event.usage),
            provider=card.provider,
            model=card.name,
            finish_reason=event.finish_reason,
        )
