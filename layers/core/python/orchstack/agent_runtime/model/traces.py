"""Traces in OpenTelemetry's own JSON, as collectors take them: OTLP/HTTP, `POST /v1/traces`.

The names are the protocol's; ids are hexadecimal, and 64-bit numbers are text:
https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from orchstack.kernel.frozen import Frozen

TraceId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
SpanId = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
ParentId = Annotated[str, Field(pattern=r"^([0-9a-f]{16})?$")]
WholeText = Annotated[str, Field(pattern=r"^-?[0-9]+$")]


class _Otlp(Frozen):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class TextValue(_Otlp):
    """A text."""

    string_value: str


class WholeValue(_Otlp):
    """A whole number, as text."""

    int_value: WholeText


class RealValue(_Otlp):
    """A number."""

    double_value: float


class TruthValue(_Otlp):
    """True or false."""

    bool_value: bool


class TextValues(_Otlp):
    """Texts."""

    values: tuple[TextValue, ...]


class ListValue(_Otlp):
    """A list of texts."""

    array_value: TextValues


class AttributeValue(_Otlp):
    """A named value."""

    key: str
    value: TextValue | WholeValue | RealValue | TruthValue | ListValue


class SpanStatus(_Otlp):
    """How a span ended: 0 is not set, 2 is an error."""

    code: int = 0
    message: str = ""


class OtlpSpan(_Otlp):
    """One span; `kind` is 1 for what runs here, 3 for a call of something else."""

    trace_id: TraceId
    span_id: SpanId
    # Empty at the root of a trace.
    parent_span_id: ParentId
    name: str
    kind: int
    start_time_unix_nano: WholeText
    end_time_unix_nano: WholeText
    attributes: tuple[AttributeValue, ...]
    status: SpanStatus = SpanStatus()


class Scope(_Otlp):
    """What told of the spans."""

    name: str
    version: str


class ScopeSpans(_Otlp):
    """Spans of one scope."""

    scope: Scope
    spans: tuple[OtlpSpan, ...]


class Resource(_Otlp):
    """What the spans are of."""

    attributes: tuple[AttributeValue, ...]


class ResourceSpans(_Otlp):
    """Spans of one resource."""

    resource: Resource
    scope_spans: tuple[ScopeSpans, ...]
    schema_url: str


class Traces(_Otlp):
    """What a collector is sent: an ExportTraceServiceRequest."""

    resource_spans: tuple[ResourceSpans, ...]
