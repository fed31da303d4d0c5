from __future__ import annotations

import importlib
import json

from orchstack.kernel import spans
from orchstack.kernel.spans import Span


def test_spans_are_plain_data() -> None:
    """They go into the run's record as JSON."""
    span = Span(
        id="b7ad6b7169203331",
        parent=None,
        name="chat builtin/echo",
        start_ms=1.0,
        end_ms=2.5,
        attributes={spans.OPERATION: spans.CHAT, spans.FINISH_REASONS: ("stop",)},
    )
    data = json.loads(json.dumps(span.as_data()))
    assert {"id", "parent", "name", "kind", "start_ms", "end_ms", "attributes"} == set(data)
    assert ["stop"] == data["attributes"]["gen_ai.response.finish_reasons"]


def test_every_name_is_one_of_opentelemetrys() -> None:
    """No attribute and no operation is our own invention."""
    gen_ai = importlib.import_module(
        "opentelemetry.semconv._incubating.attributes.gen_ai_attributes"
    )
    error = importlib.import_module("opentelemetry.semconv.attributes.error_attributes")
    known = {v for m in (gen_ai, error) for v in vars(m).values() if isinstance(v, str)}
    operations = {value.value for value in gen_ai.GenAiOperationNameValues}
    own = {n: v for n, v in vars(spans).items() if n.isupper() and isinstance(v, str)}
    assert set() == {v for v in own.values() if "." in v} - known
    assert set() == {v for v in own.values() if "." not in v} - operations
