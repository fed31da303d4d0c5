"""Serves moto on loopback, with everything mended, and tells what callers change."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from moto.core.config import default_user_config
from moto.moto_api._internal import moto_api_backend
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server

from orchstack.kernel.plain import JsonObject
from orchstack.local.ports import LOOPBACK
from orchstack.local.state import (
    casing,
    clients,
    eventbridge,
    executions,
    heartbeats,
    jsonata_engine,
    lambda_invoke,
    parsing,
    queue_costs,
    queue_locks,
    sync_start,
)

Route = Callable[[WSGIEnvironment, bytes], tuple[int, JsonObject]]

# How long stopping may take to be noticed.
_POLL_S = 0.1
_READS = ("GET", "HEAD", "OPTIONS")
_MOTO_DEFAULTS = {
    "lambda": {"use_docker": False},
    "stepfunctions": {"execute_state_machine": True},
}


class StateServer:
    """The AWS services, at one address. One may run in a process at a time."""

    def __init__(
        self,
        functions: lambda_invoke.Functions,
        bus: eventbridge.Bus,
        changed: Callable[[str], None],
    ) -> None:
        """Take what runs functions, what delivers events, and whom to tell of changes."""
        self._changed = changed
        self._routes: dict[str, Route] = {}
        default_user_config.update(_MOTO_DEFAULTS)
        moto_api_backend.reset()
        for name in ("werkzeug", "moto"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._moto: WSGIApplication = DomainDispatcherApplication(create_backend_app)
        self._server = make_server(
            LOOPBACK, 0, self._serve, threaded=True, request_handler=_RequestHandler
        )
        self.endpoint = f"http://{LOOPBACK}:{self._server.server_port}"
        self._task_clients = clients.install(self.endpoint)
        for patch in (
            casing,
            executions,
            heartbeats,
            jsonata_engine,
            parsing,
            queue_locks,
            queue_costs,
            sync_start,
        ):
            patch.install()
        lambda_invoke.install(functions)
        eventbridge.install(bus)

    def start(self) -> None:
        """Serve from now on."""
        threading.Thread(
            target=self._server.serve_forever,
            args=(_POLL_S,),
            name="state",
            daemon=True,
        ).start()

    def stop(self) -> None:
        """Serve no more."""
        self._server.shutdown()
        self._server.server_close()
        self._task_clients.close()

    def route(self, path: str, handle: Route) -> str:
        """Answer one path ourselves with the status and JSON `handle` returns; gives its URL."""
        self._routes[path] = handle
        return f"{self.endpoint}{path}"

    def unroute(self, path: str) -> None:
        """Answer that path no more."""
        del self._routes[path]

    def _serve(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        route = self._routes.get(environ["PATH_INFO"])
        if route is not None:
            length = int(environ.get("CONTENT_LENGTH") or 0)
            status, answer = route(environ, environ["wsgi.input"].read(length))
            body = json.dumps(answer).encode()
            headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
            start_response(f"{status} {HTTPStatus(status).phrase}", headers)
            return [body]
        answered = self._moto(environ, start_response)
        if environ["REQUEST_METHOD"] not in _READS:
            self._changed(_service(environ))
        return answered


class _RequestHandler(MotoRequestHandler):  # type: ignore[misc] # moto has no types
    """Keeps connections alive and writes no access log."""

    protocol_version = "HTTP/1.1"

    def log_request(self, *_args: Any, **_kwargs: Any) -> None:
        """Say nothing: the functions' logs tell what matters."""


def _service(environ: WSGIEnvironment) -> str:
    """The service a signed request is for, from its credential scope."""
    scope = str(environ.get("HTTP_AUTHORIZATION", "")).partition("Credential=")[2].split("/")
    return scope[3] if len(scope) > 3 else ""  # noqa: PLR2004 - key/date/region/service/aws4
