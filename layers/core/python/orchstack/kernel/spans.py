"""Spans of one run: what took how long, inside what, kept as plain data with the run's record.

Names and attributes are OpenTelemetry's for generative AI, so that an exporter has nothing to
translate: https://opentelemetry.io/docs/specs/semconv/gen-ai/. The OpenTelemetry SDK, which would
cost each cold start more than 100 ms of CPU, is not needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from orchstack.kernel.plain import JsonObject

Attribute = str | int | float | bool | tuple[str, ...]
Kind = Literal["internal", "client"]

OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"
REQUEST_STREAM = "gen_ai.request.stream"
RESPONSE_MODEL = "gen_ai.response.model"
FINISH_REASONS = "gen_ai.response.finish_reasons"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
CONVERSATION_ID = "gen_ai.conversation.id"
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
    """One finished span; times are Unix milliseconds, `parent` is the enclosing span's id.

    `internal` is work of ours, `client` a call of something else.
    """

    id: str
    parent: str | None
    name: str
    kind: Kind = "internal"
    start_ms: float
    end_ms: float
    attributes: Mapping[str, Attribute]

    def as_data(self) -> JsonObject:
        """The span as plain JSON-ready data."""
        return asdict(self)
