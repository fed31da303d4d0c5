"""The gateway: one loopback port for the REST API, the WebSocket API and its management."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import unquote

from aiohttp import web

from orchstack.kernel.plain import JsonObject
from orchstack.local.functions import FunctionService
from orchstack.local.gateway.model import RestApi, SocketApi
from orchstack.local.gateway.rest import RestEdge
from orchstack.local.gateway.websocket import SocketEdge
from orchstack.local.ports import LOOPBACK

# https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
MAX_BODY_BYTES = 10 * 1024 * 1024
# Wide enough that an over-long request line or header reaches the REST API's own refusal.
_MAX_READABLE_BYTES = 1024 * 1024
_SOCKET_PATH = "/ws"
_MANAGEMENT = "/@connections/"
_STATUS_PATH = "/_local/status"
_REDRIVE_PATH = "/_local/redrive"


class Gateway:
    """Serves the APIs on 127.0.0.1.

    `/ws` is the WebSocket API, `/@connections/{id}` its management API (a stage may stand before
    it), `/_local/status` what `status` tells, a POST to `/_local/redrive?queue=…` what `redrive`
    answers; everything else belongs to the REST API.
    """

    def __init__(
        self,
        functions: FunctionService,
        *,
        rest: RestApi,
        socket: SocketApi | None = None,
        status: Callable[[], JsonObject] = dict,
        redrive: Callable[[str], tuple[int, JsonObject]] = lambda _queue: (404, {}),
        socket_idle_s: float = 600,
    ) -> None:
        self._rest = RestEdge(rest, functions)
        self._socket = SocketEdge(socket, functions, idle_s=socket_idle_s) if socket else None
        self._status = status
        self._redrive = redrive
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        # A path may hold an encoded line break, which a plain dot would not match.
        app.router.add_route("*", "/{path:(?s:.*)}", self._handle)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            max_line_size=_MAX_READABLE_BYTES,
            max_field_size=_MAX_READABLE_BYTES,
            shutdown_timeout=1,
        )

    async def start(self, port: int = 0) -> int:
        """Listen; gives the port (a free one for 0)."""
        await self._runner.setup()
        await web.TCPSite(self._runner, LOOPBACK, port).start()
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Say goodbye to the WebSocket clients, then close; stop the functions after this."""
        if self._socket is not None:
            await self._socket.close()
        await self._runner.cleanup()

    @property
    def connections(self) -> int:
        """How many WebSocket connections are open."""
        return len(self._socket.connections) if self._socket else 0

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        path = request.raw_path.partition("?")[0]
        if self._socket is not None:
            if path.rstrip("/") == _SOCKET_PATH:
                return await self._socket.handle(request)
            _, management, connection_id = path.partition(_MANAGEMENT)
            if management:
                return await self._socket.connections.manage(request, unquote(connection_id))
        if path == _STATUS_PATH:
            return web.json_response(self._status())
        if path == _REDRIVE_PATH and request.method == "POST":
            status, answer = self._redrive(request.query.get("queue", ""))
            return web.json_response(answer, status=status)
        return await self._rest.handle(request)
