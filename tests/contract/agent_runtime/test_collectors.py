"""What becomes of traces on their way to a collector, over real HTTP."""

from __future__ import annotations

import gzip
import importlib
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from orchstack.agent_runtime.adapters.in_memory_outcomes import InMemoryCollector
from orchstack.agent_runtime.adapters.otlp_http import OtlpCollector
from orchstack.agent_runtime.loop.otlp import traces
from orchstack.agent_runtime.loop.trace import trace
from orchstack.agent_runtime.model.traces import Traces
from orchstack.kernel.errors import Unavailable
from tests.make import NOW
from tests.unit.agent_runtime.journals import a_run, model, steps_of, tool


@dataclass
class Receiver:
    """A collector that keeps what it is sent, and answers what it is told to."""

    status: int = 200
    answer: bytes = b"{}"
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver on a free port."""
    found = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            headers = {name.lower(): value for name, value in self.headers.items()}
            found.requests.append((headers, gzip.decompress(self.rfile.read(length))))
            self.send_response(found.status)
            self.send_header("content-length", str(len(found.answer)))
            self.end_headers()
            self.wfile.write(found.answer)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found.url = f"http://127.0.0.1:{server.server_port}/v1/traces"
    yield found
    server.shutdown()
    server.server_close()


def message() -> Traces:
    """The trace of a run with a call of a model and of a tool."""
    run = a_run()
    return traces([(run, trace(run, steps_of(model(), tool()), NOW))])


def collector(receiver: Receiver, **headers: str) -> OtlpCollector:
    """A collector at the receiver's address."""
    return OtlpCollector(receiver.url, lambda: headers)


def test_an_official_reader_understands_what_arrives(receiver: Receiver) -> None:
    """OpenTelemetry's own decoder finds each span in what went over the wire."""
    service = importlib.import_module("opentelemetry.proto_json.collector.trace.v1.trace_service")
    sent = message()
    with closing(collector(receiver)) as target:
        target.send(sent)
    ((headers, body),) = receiver.requests
    read = service.ExportTraceServiceRequest.from_json(body)
    names = [span.name for span in read.resource_spans[0].scope_spans[0].spans]

    assert ["invoke_agent adder", "chat default", "execute_tool calculator"] == names
    assert "application/json" == headers["content-type"]


def test_the_operators_headers_go_along(receiver: Receiver) -> None:
    """Such as a key of the collector's."""
    with closing(collector(receiver, authorization="Bearer k")) as target:
        target.send(message())

    assert "Bearer k" == receiver.requests[0][0]["authorization"]


@pytest.mark.parametrize("status", [307, 400, 401, 429, 503])
def test_what_is_not_taken_is_said(receiver: Receiver, status: int) -> None:
    """So the queue delivers it again, and no redirect is followed."""
    receiver.status = status
    with closing(collector(receiver)) as target, pytest.raises(Unavailable, match=str(status)):
        target.send(message())


def test_nobody_there_is_said() -> None:
    """Within the patience of a connection."""
    away = OtlpCollector("http://127.0.0.1:9/v1/traces", dict)
    with closing(away) as target, pytest.raises(Unavailable):
        target.send(message())


@pytest.mark.parametrize(
    "answer",
    [b"", b"[]", b"no json", b'{"partialSuccess": {"rejectedSpans": "1"}}'],
)
def test_what_was_taken_in_part_is_not_sent_again(
    receiver: Receiver, answer: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    """The protocol forbids it; what was rejected is logged."""
    receiver.answer = answer
    with closing(collector(receiver)) as target:
        target.send(message())

    assert (b"rejectedSpans" in answer) == ("rejected spans" in capsys.readouterr().out)


def test_a_collector_in_memory_keeps_what_it_is_sent() -> None:
    """As the others do, without a network."""
    kept = InMemoryCollector()
    sent = message()
    kept.send(sent)

    assert [sent] == kept.taken
