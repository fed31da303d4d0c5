"""A provider that speaks OpenAI's chat API."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from orchstack.kernel import sse
from orchstack.kernel.chat import ChatRequest, TextDelta
from orchstack.kernel.clock import Clock
from orchstack.kernel.plain import JsonObject
from orchstack.llm_router.adapters.openai_wire.assembly import Assembler
from orchstack.llm_router.adapters.openai_wire.encoding import encode
from orchstack.llm_router.adapters.openai_wire.transport import Answer, Transport
from orchstack.llm_router.model import ProviderEvent, ProviderFailure, ProviderSettings

_DONE: Final = "[DONE]"
_MAX_EVENT_BYTES: Final = 1024 * 1024
# How long to wait, once the answer is complete, for the tokens it used.
_USAGE_WITHIN_S: Final = 2.0


class OpenAiWire:
    """Any server of OpenAI's chat API, at the base address the operator configured."""

    def __init__(self, name: str, settings: ProviderSettings, clock: Clock) -> None:
        """Prepare; nothing is opened before the first call."""
        self.name = name
        self.local = settings.local
        self.images = settings.images
        self.window = settings.context_window
        self.structured = settings.structured
        self._limit_field = settings.output_limit
        self._transport = Transport(settings, clock)

    def stream(self, request: ChatRequest, *, deadline: float) -> Iterator[ProviderEvent]:
        """Answer with text as it comes and, last, exactly one Reply. Raises ProviderFailure."""
        return self.converse(request, deadline=deadline)

    def converse(
        self, request: ChatRequest, *, deadline: float, extra: JsonObject | None = None
    ) -> Iterator[ProviderEvent]:
        """Do as `stream`, with more fields in the request's body."""
        body = encode(request, self._limit_field) | (extra or {})
        assembler = Assembler(request)
        with self._transport.post("/chat/completions", body, deadline) as answer:
            try:
                for text in _texts(answer, assembler):
                    yield TextDelta(text=text)
            except ProviderFailure as failure:
                failure.started = failure.started or assembler.started
                raise
            yield assembler.reply()
            answer.settle()


def _texts(answer: Answer, assembler: Assembler) -> Iterator[str]:
    """Give the pieces of text up to the answer's end, empty ones for what is no text.

    Silence is never the end.
    """
    done = False
    try:
        for data in _data(answer.pieces()):
            done = data == _DONE
            if done:
                break
            yield assembler.take(data)
            if assembler.finish_reason is not None:
                answer.hurry(_USAGE_WITHIN_S)
    except ProviderFailure:
        # All of the answer is there; only what it used is missing, and is estimated.
        if assembler.finish_reason is None:
            raise
    if assembler.finish_reason is None and not (done and assembler.started):
        raise ProviderFailure("its answer was cut off.", retryable=True)


def _data(pieces: Iterable[bytes]) -> Iterator[str]:
    """Give the data of each event, also of one whose closing blank line the end has cut off."""
    try:
        for event in sse.read(pieces, max_bytes=_MAX_EVENT_BYTES, unfinished=True):
            yield event.data
    except sse.EventTooLong:
        raise ProviderFailure("it sent an event of more than a mebibyte.") from None
