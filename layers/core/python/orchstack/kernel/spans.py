"""Spans of one run: what took how long, inside what, kept as plain data with the run's record.

Names and attributes are OpenTelemetry's for generative AI, so that an exporter has nothing to
translate: https://opentelemetry.io/docs/specs/semconv/gen-ai/. A span costs some microseconds; the
OpenTelemetry SDK, which would cost each cold start more than 100 ms of CPU, is not needed.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from orchstack.kernel.clock import Clock

Attribute = str | int | float | bool | tuple[str, ...]

OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"
REQUEST_MAX_TOKENS = "gen_ai.request.max_tokens"
REQUEST_TEMPERATURE = "gen_ai.request.temperature"
RESPONSE_MODEL = "gen_ai.response.model"
FINISH_REASONS = "gen_ai.response.finish_reasons"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
CONVERSATION_ID = "gen_ai.conversation.id"
AGENT_ID = "gen_ai.agent.id"
AGENT_NAME = "gen_ai.agent.name"
AGENT_VERSION = "gen_ai.agent.version"
TOOL_NAME = "gen_ai.tool.name"
TOOL_CALL_ID = "gen_ai.tool.call.id"
TOOL_TYPE = "gen_ai.tool.type"
ERROR_TYPE = "error.type"

INVOKE_AGENT = "invoke_agent"
CHAT = "chat"
EXECUTE_TOOL = "execute_tool"


@dataclass(frozen=True, kw_only=True)
class Span:
    """One finished span; times are Unix milliseconds, `parent` is the enclosing span's id."""

    id: str
    parent: str | None
    name: str
    start_ms: float
    end_ms: float
    attributes: Mapping[str, Attribute]

    def as_data(self) -> dict[str, Any]:
        """The span as plain JSON-ready data."""
        return asdict(self)


@dataclass
class OpenSpan:
    """A span under way: what is learnt meanwhile is set on it."""

    id: str
    attributes: dict[str, Attribute] = field(default_factory=dict)

    def set(self, name: str, value: Attribute | None) -> None:
        """Set an attribute; None leaves it out."""
        if value is not None:
            self.attributes[name] = value


class _Nesting(threading.local):
    """The ids of the spans open in one thread."""

    def __init__(self) -> None:
        self.open: list[str] = []


class Spans:
    """Collects the spans of one run; a thread's first span belongs to the run's first one."""

    def __init__(self, clock: Clock) -> None:
        """Start without spans."""
        self._clock = clock
        self._epoch_ms = clock.now().timestamp() * 1000
        self._monotonic = clock.monotonic()
        self._nesting = _Nesting()
        self._root: str | None = None
        self._finished: list[Span] = []

    @property
    def finished(self) -> tuple[Span, ...]:
        """The spans that have ended, in the order of their ends."""
        return tuple(self._finished)

    def as_data(self) -> list[dict[str, Any]]:
        """The finished spans as plain JSON-ready data."""
        return [span.as_data() for span in self._finished]

    @contextmanager
    def span(self, name: str, attributes: Mapping[str, Attribute | None]) -> Iterator[OpenSpan]:
        """Time the block; an error passing through is named in `error.type`."""
        opened = OpenSpan(secrets.token_hex(8))
        for key, value in attributes.items():
            opened.set(key, value)
        parent = self._nesting.open[-1] if self._nesting.open else self._root
        self._root = self._root or opened.id
        self._nesting.open.append(opened.id)
        start_ms = self._now_ms()
        try:
            yield opened
        except Exception as error:
            opened.set(ERROR_TYPE, getattr(error, "code", type(error).__name__))
            raise
        finally:
            self._nesting.open.remove(opened.id)
            self._finished.append(
                Span(
                    id=opened.id,
                    parent=parent,
                    name=name,
                    start_ms=start_ms,
                    end_ms=self._now_ms(),
                    attributes=opened.attributes,
                )
            )

    def invoke_agent(
        self, agent: str, version: int, conversation_id: str | None = None
    ) -> AbstractContextManager[OpenSpan]:
        """The span of a whole run."""
        attributes = {
            OPERATION: INVOKE_AGENT,
            AGENT_NAME: agent,
            AGENT_VERSION: str(version),
            CONVERSATION_ID: conversation_id,
        }
        return self.span(f"{INVOKE_AGENT} {agent}", attributes)

    def chat(self, model: str, max_tokens: int | None = None) -> AbstractContextManager[OpenSpan]:
        """The span of one model call."""
        attributes = {OPERATION: CHAT, REQUEST_MODEL: model, REQUEST_MAX_TOKENS: max_tokens}
        return self.span(f"{CHAT} {model}", attributes)

    def execute_tool(self, tool: str, call_id: str) -> AbstractContextManager[OpenSpan]:
        """The span of one tool call."""
        attributes = {
            OPERATION: EXECUTE_TOOL,
            TOOL_NAME: tool,
            TOOL_CALL_ID: call_id,
            TOOL_TYPE: "function",
        }
        return self.span(f"{EXECUTE_TOOL} {tool}", attributes)

    def _now_ms(self) -> float:
        passed = self._clock.monotonic() - self._monotonic
        return round(self._epoch_ms + passed * 1000, 3)
