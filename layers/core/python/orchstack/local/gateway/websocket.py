"""The WebSocket API: a client from its handshake to its end."""

from __future__ import annotations

import asyncio
import time

from aiohttp import WebSocketError, WSCloseCode, WSMsgType, web

from orchstack.local.functions import FunctionService
from orchstack.local.gateway.connections import Connection, Connections
from orchstack.local.gateway.frames import GuardedSocket
from orchstack.local.gateway.model import SocketApi
from orchstack.local.gateway.refusal import Refusals, Refused
from orchstack.local.gateway.socket_calls import SocketCalls

_IDLE_S = 600
_LONGEST_S = 7200
# Messages of one connection that functions may work on at once; further ones wait in the socket.
_IN_FLIGHT = 16
_GOODBYE_S = 5


class SocketEdge:
    """Serves one WebSocket API."""

    def __init__(
        self, api: SocketApi, functions: FunctionService, *, idle_s: float = _IDLE_S
    ) -> None:
        """Take the API; a connection without traffic for `idle_s` seconds is closed."""
        self._calls = SocketCalls(api, functions)
        self._refusals = Refusals(())
        self._idle_s = idle_s
        self._tasks: set[asyncio.Task[None]] = set()
        self.connections = Connections()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve one client."""
        if not web.WebSocketResponse().can_prepare(request).ok:
            raise web.HTTPUpgradeRequired
        connection = Connection(self._calls.context(request))
        try:
            protocols = await self._calls.connect(request, connection)
        except Refused as refused:
            return self._refusals.response(refused, connection.context, request.headers)
        socket = GuardedSocket(protocols=protocols, too_long=lambda: self._cut(connection))
        session = asyncio.create_task(self._session(request, socket, connection))
        self._keep(session)
        # On its own, so that $disconnect is called also when the request is cancelled.
        await asyncio.shield(session)
        return socket

    async def close(self) -> None:
        """Close all connections, and give their $disconnect functions a moment."""
        await self.connections.close_all()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_GOODBYE_S)

    async def _session(
        self, request: web.Request, socket: GuardedSocket, connection: Connection
    ) -> None:
        try:
            await socket.prepare(request)
            connection.open(socket)
            self.connections.add(connection)
            await self._talk(socket, connection)
        except ConnectionError:
            # The client left during the handshake.
            connection.closed_as = (WSCloseCode.ABNORMAL_CLOSURE, "")
        finally:
            self.connections.remove(connection)
            code, reason = connection.closed_as or (socket.close_code, "")
            await self._calls.disconnect(connection, code or WSCloseCode.ABNORMAL_CLOSURE, reason)

    async def _talk(self, socket: GuardedSocket, connection: Connection) -> None:
        places = asyncio.Semaphore(_IN_FLIGHT)
        while (message := await self._receive(socket, connection)) is not None:
            await places.acquire()
            task = asyncio.create_task(self._calls.message(connection, message))
            task.add_done_callback(lambda _: places.release())
            self._keep(task)

    async def _receive(self, socket: GuardedSocket, connection: Connection) -> str | None:
        while True:
            left = self._time_left(connection)
            if left <= 0:
                await connection.close(WSCloseCode.GOING_AWAY, "Going away")
                return None
            try:
                message = await socket.receive(timeout=left)
            except TimeoutError:
                continue
            connection.last_active = time.time()
            if message.type is WSMsgType.BINARY:
                # API Gateway takes no binary frames from clients.
                await connection.close(WSCloseCode.UNSUPPORTED_DATA, "Binary frame")
            if isinstance(message.data, WebSocketError):
                # aiohttp has closed the connection already, say of a message that is too long.
                connection.closed_as = (message.data.code, str(message.data))
            return str(message.data) if message.type is WSMsgType.TEXT else None

    def _time_left(self, connection: Connection) -> float:
        ends = min(
            connection.last_active + self._idle_s,
            connection.connected_at_ms / 1000 + _LONGEST_S,
        )
        return ends - time.time()

    def _cut(self, connection: Connection) -> None:
        self._keep(
            asyncio.create_task(connection.close(WSCloseCode.MESSAGE_TOO_BIG, "Frame too long"))
        )

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
