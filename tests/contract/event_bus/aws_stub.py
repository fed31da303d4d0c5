"""A stand-in for the three AWS services that the event bus calls, on loopback.

It keeps what it is sent and answers as AWS does, refusals included; whoever is in `gone` has left.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote


@dataclass
class AwsStub:
    """What was sent, and what to answer."""

    url: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    queue: list[dict[str, Any]] = field(default_factory=list)
    pushed: list[tuple[str, str]] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    # Error codes by the id of the CloudEvent.
    refusals: dict[str, str] = field(default_factory=dict)
    failing: bool = False

    @property
    def environment(self) -> dict[str, str]:
        """What leads boto3 here."""
        keys = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
        return {"AWS_ENDPOINT_URL": self.url, **keys}

    def put_events(self, request: dict[str, Any]) -> dict[str, Any]:
        """Take the entries that are not refused."""
        results = []
        for entry in request["Entries"]:
            code = self.refusals.get(json.loads(entry["Detail"])["id"])
            results.append({"ErrorCode": code, "ErrorMessage": code} if code else {"EventId": "1"})
            self.events += [] if code else [entry]
        return {"FailedEntryCount": len(request["Entries"]) - len(self.events), "Entries": results}

    def send_message(self, request: dict[str, Any]) -> dict[str, Any]:
        """Take a message."""
        self.queue.append(request)
        return {"MessageId": "1", "MD5OfMessageBody": "99914b932bd37a50b983c5e7c90ae93b"}


@contextmanager
def running() -> Iterator[AwsStub]:
    """Serve a stub until the end of the block."""
    stub = AwsStub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"stub": stub}))
    stub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    stub: AwsStub
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        target = self.headers.get("X-Amz-Target", "")
        if self.stub.failing:
            self._answer(500, {"__type": "InternalError"})
        elif target == "AWSEvents.PutEvents":
            self._answer(200, self.stub.put_events(json.loads(body)))
        elif target == "AmazonSQS.SendMessage":
            self._answer(200, self.stub.send_message(json.loads(body)))
        else:
            self._connection(lambda id_: self.stub.pushed.append((id_, body.decode())))

    def do_DELETE(self) -> None:
        self._connection(self.stub.closed.append)

    def _connection(self, act: Any) -> None:
        connection_id = unquote(self.path.rpartition("/")[2])
        if connection_id in self.stub.gone:
            self._answer(410, {"message": "gone"}, **{"x-amzn-ErrorType": "GoneException"})
        else:
            act(connection_id)
            self._answer(200, {})

    def _answer(self, status: int, body: dict[str, Any], **headers: str) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Stay silent."""
