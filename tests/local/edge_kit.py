"""The compute and edge half of the local cloud, with the handlers under tests/local/handlers."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from email.message import Message
from pathlib import Path
from typing import Any, TypeVar

from orchstack.local.functions import FunctionService, FunctionSpec, FunctionStatus, Result
from orchstack.local.gateway import (
    AuthorizerSpec,
    Gateway,
    GatewayResponse,
    MockAnswer,
    RestApi,
    RestRoute,
    SocketApi,
    SocketRoute,
)
from orchstack.local.logs import LogSink, tail

HANDLERS = Path(__file__).with_name("handlers")
CORE_LAYER = Path(__file__).parents[2] / "layers" / "core"
T = TypeVar("T")

KEYS = AuthorizerSpec(
    id="keys",
    function_name="edge.authorize",
    identity_sources=("method.request.header.Authorization",),
    ttl_s=60,
)
SOCKET_KEYS = replace(KEYS, id="socket", identity_sources=("route.request.querystring.key",))
REST = RestApi(
    id="rest123",
    stage="live",
    binary_media_types=("image/*",),
    routes=(
        RestRoute(method="ANY", path="/items/{id}", function_name="edge.reflect"),
        RestRoute(method="GET", path="/items/special", function_name="edge.reflect"),
        RestRoute(method="GET", path="/files/{path+}", function_name="edge.reflect"),
        RestRoute(
            method="GET", path="/private/{id}", function_name="edge.reflect", authorizer=KEYS
        ),
        RestRoute(method="POST", path="/answer", function_name="edge.answer"),
        RestRoute(method="POST", path="/picture", function_name="edge.picture"),
        RestRoute(method="GET", path="/sleep", function_name="edge.sleep", timeout_s=0.3),
        RestRoute(method="GET", path="/crash", function_name="edge.crash"),
        RestRoute(method="GET", path="/busy", function_name="busy"),
        RestRoute(method="GET", path="/count", function_name="streams.count", streaming=True),
        RestRoute(method="GET", path="/flood", function_name="streams.flood", streaming=True),
        RestRoute(
            method="GET",
            path="/slow",
            function_name="streams.count",
            streaming=True,
            timeout_s=0.3,
        ),
        RestRoute(method="GET", path="/refuse", function_name="streams.refuse", streaming=True),
        RestRoute(
            method="GET", path="/break_off", function_name="streams.break_off", streaming=True
        ),
        RestRoute(method="GET", path="/whole", function_name="edge.reflect", streaming=True),
        RestRoute(
            method="OPTIONS",
            path="/items/{id}",
            mock=MockAnswer(status=204, headers={"Access-Control-Allow-Origin": "*"}),
        ),
    ),
    responses=(
        GatewayResponse(
            kind="DEFAULT_5XX",
            status=503,
            headers={"Retry-After": "'1'", "X-Origin": "method.request.header.Origin"},
            templates={
                "application/problem+json": '{"id":"$context.requestId",'
                '"type":"$context.error.responseType","detail":$context.error.messageString}'
            },
        ),
    ),
)
SOCKET = SocketApi(
    id="socket123",
    stage="live",
    routes=(
        SocketRoute(key="$connect", function_name="edge.connect", authorizer=SOCKET_KEYS),
        SocketRoute(key="$disconnect", function_name="edge.disconnect"),
        SocketRoute(key="talk", function_name="edge.receive", answers=True),
        SocketRoute(key="quiet", function_name="edge.receive"),
        SocketRoute(key="stumble", function_name="edge.stumble"),
    ),
)


@dataclass(frozen=True)
class Answer:
    """What the gateway answered."""

    status: int
    headers: Message
    body: bytes

    @property
    def document(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


class Edge:
    """A function service and a gateway on an event loop of their own thread."""

    def __init__(self, folder: Path) -> None:
        """Start; `folder` takes the log and what handlers note."""
        self.folder = folder
        self.notes = folder / "notes"
        self.notes.touch()
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever)
        self._thread.start()
        self._log = LogSink(folder / "logs" / "functions.jsonl")
        self.functions = FunctionService(self._log, {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"})
        self._register_all()
        self.run(self.functions.start())
        self.gateway, self.port = self.serve(SOCKET)

    def stop(self) -> None:
        """Stop everything."""
        self.run(self.gateway.stop())
        self.run(self.functions.stop())
        self._log.close()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout=30)

    def serve(self, socket: SocketApi, *, idle_s: float = 600) -> tuple[Gateway, int]:
        """Start a gateway; gives it and its port."""
        return self.run(self._serve(socket, idle_s))

    def register(self, name: str, handler: str, **changes: Any) -> None:
        """Make a handler known under a name; `changes` are fields of its specification."""
        given: dict[str, Any] = {
            "arn": f"arn:aws:lambda:us-east-1:000000000000:function:{name}",
            "service": "tests",
            "code_dir": HANDLERS,
            "layer_dirs": (CORE_LAYER,),
            "timeout_s": 10.0,
            "environment": {"NOTES": str(self.notes)},
        }
        self.functions.register(FunctionSpec(name=name, handler=handler, **{**given, **changes}))

    def invoke(self, name: str, event: Any = None) -> Result:
        """Invoke a function."""
        return self.functions.invoke_blocking(name, json.dumps(event or {}).encode())

    def answer(self, name: str, event: Any = None) -> Any:
        """Invoke a function that succeeds; gives its answer."""
        result = self.invoke(name, event)
        assert result.error is None, result.payload
        return json.loads(result.payload)

    def failure(self, name: str, event: Any = None) -> dict[str, Any]:
        """Invoke a function that fails; gives the error document."""
        result = self.invoke(name, event)
        assert "Unhandled" == result.error
        document: dict[str, Any] = json.loads(result.payload)
        return document

    def status(self, name: str) -> FunctionStatus:
        """What the service counts for a function."""
        found = [status for status in self.functions.status() if status.name == name]
        return found[0]

    def log(self, function: str) -> list[dict[str, Any]]:
        """What the log holds of a function."""
        return [entry for entry in tail(self._log.path) if entry["function"] == function]

    @contextmanager
    def opened(
        self,
        method: str,
        path: str,
        body: bytes | str = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[http.client.HTTPResponse]:
        """Send a request to the gateway and give the response, unread."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)) as client:
            client.request(method, path, body, dict(headers or {}))
            yield client.getresponse()

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | str = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request to the gateway and read the answer."""
        with self.opened(method, path, body, headers) as response:
            return Answer(response.status, response.headers, response.read())

    async def _serve(self, socket: SocketApi, idle_s: float) -> tuple[Gateway, int]:
        gateway = Gateway(
            self.functions,
            rest=REST,
            socket=socket,
            status=lambda: {"well": True},
            socket_idle_s=idle_s,
        )
        return gateway, await gateway.start()

    def _register_all(self) -> None:
        whole = ("echo", "describe", "fail", "leave", "die", "sleep", "swell", "fill", "speak")
        for name in whole:
            self.register(f"answers.{name}", f"answers.{name}")
        behind = ("authorize", "reflect", "answer", "picture", "sleep", "crash")
        sockets = ("connect", "receive", "disconnect", "stumble")
        for name in (*behind, *sockets):
            self.register(f"edge.{name}", f"edge.{name}")
        streams = ("count", "refuse", "break_off", "crash", "flood", "headless", "plain")
        wrapped = {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/orchstack-stream"}
        for name in streams:
            self.register(f"streams.{name}", f"streams.{name}", environment=wrapped)
        self.register("busy", "answers.sleep", concurrency=0)
