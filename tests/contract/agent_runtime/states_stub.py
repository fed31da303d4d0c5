"""A stand-in for Step Functions on loopback: it starts executions by name, and knows tokens."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:agent_run"


@dataclass
class StatesStub:
    """What was started, and who waits."""

    url: str = ""
    # Input by name.
    started: dict[str, dict[str, Any]] = field(default_factory=dict)
    waiting: set[str] = field(default_factory=set)
    failing: bool = False

    @property
    def environment(self) -> dict[str, str]:
        """What leads boto3 here, and names the machine."""
        keys = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
        machine = {"ORCHSTACK_AGENT_RUN_MACHINE_ARN": MACHINE}
        return {"AWS_ENDPOINT_URL_SFN": self.url, **keys, **machine}

    def start_execution(self, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Start an execution under a name that is free."""
        if request["name"] in self.started:
            return 400, {"__type": "ExecutionAlreadyExists"}
        assert MACHINE == request["stateMachineArn"]
        self.started[request["name"]] = json.loads(request["input"])
        return 200, {"executionArn": request["name"], "startDate": 0}

    def send_task_success(self, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Let an execution go on, if one waits."""
        if request["taskToken"] not in self.waiting:
            return 400, {"__type": "TaskDoesNotExist"}
        self.waiting.remove(request["taskToken"])
        return 200, {}


@contextmanager
def running() -> Iterator[StatesStub]:
    """Serve a stub until the end of the block."""
    stub = StatesStub()
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
    stub: StatesStub
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        target = self.headers["X-Amz-Target"]
        if self.stub.failing:
            status, answer = 500, {"__type": "InternalError"}
        elif target == "AWSStepFunctions.StartExecution":
            status, answer = self.stub.start_execution(request)
        else:
            status, answer = self.stub.send_task_success(request)
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Stay silent."""
