"""Spans in OpenTelemetry's JSON."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from orchstack import __version__
from orchstack.agent_runtime.model.runs import Run
from orchstack.agent_runtime.model.traces import (
    AttributeValue,
    ListValue,
    OtlpSpan,
    RealValue,
    Resource,
    ResourceSpans,
    Scope,
    ScopeSpans,
    SpanStatus,
    TextValue,
    TextValues,
    Traces,
    TruthValue,
    WholeValue,
)
from orchstack.kernel import spans
from orchstack.kernel.spans import Attribute, Span

# The version of the conventions in which the names of `kernel/spans.py` are found.
SCHEMA: Final = "https://opentelemetry.io/schemas/1.41.0"
_KINDS: Final = {"internal": 1, "client": 3}
_ERROR: Final = SpanStatus(code=2)
_NANOSECONDS: Final = 1_000_000
_TRACE_DIGITS: Final = 32


def traces(told: Iterable[tuple[Run, Sequence[Span]]]) -> Traces:
    """Put the spans of runs into one message."""
    scope = Scope(name="orchstack.agent_runtime", version=__version__)
    found = tuple(_otlp(span, _trace_id(run)) for run, of_run in told for span in of_run)
    resource = Resource(
        attributes=_attributes(
            {"service.name": "orchstack.agent_runtime", "service.version": __version__}
        )
    )
    return Traces(
        resource_spans=(
            ResourceSpans(
                resource=resource,
                scope_spans=(ScopeSpans(scope=scope, spans=found),),
                schema_url=SCHEMA,
            ),
        )
    )


def _trace_id(run: Run) -> str:
    """The trace of the request that began the run; else one that is always this run's."""
    if len(run.trace_id) == _TRACE_DIGITS:
        return run.trace_id
    return hashlib.sha256(str(run.id).encode()).hexdigest()[:_TRACE_DIGITS]


def _otlp(span: Span, trace_id: str) -> OtlpSpan:
    return OtlpSpan(
        trace_id=trace_id,
        span_id=span.id,
        parent_span_id=span.parent or "",
        name=span.name,
        kind=_KINDS[span.kind],
        start_time_unix_nano=_nanoseconds(span.start_ms),
        end_time_unix_nano=_nanoseconds(span.end_ms),
        attributes=_attributes(span.attributes),
        status=_ERROR if spans.ERROR_TYPE in span.attributes else SpanStatus(),
    )


def _nanoseconds(milliseconds: float) -> str:
    # By way of microseconds: a float has no room for nanoseconds since 1970.
    return str(round(milliseconds * 1000) * (_NANOSECONDS // 1000))


def _attributes(given: Mapping[str, Attribute]) -> tuple[AttributeValue, ...]:
    return tuple(AttributeValue(key=key, value=_value(value)) for key, value in given.items())


def _value(
    value: Attribute,
) -> TextValue | WholeValue | RealValue | TruthValue | ListValue:
    match value:
        case bool():
            return TruthValue(bool_value=value)
        case int():
            return WholeValue(int_value=str(value))
        case float():
            return RealValue(double_value=value)
        case str():
            return TextValue(string_value=value)
        case _:
            texts = tuple(TextValue(string_value=text) for text in value)
            return ListValue(array_value=TextValues(values=texts))
