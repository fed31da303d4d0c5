"""The open WebSocket connections, and the management API that functions reach them by.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html
"""

from __future__ import annotations

import asyncio
import secrets
import time
from datetime import UTC, datetime
from http import HTTPStatus

from aiohttp import WSCloseCode, web

from orchstack.kernel.plain import JsonMapping, JsonObject
from orchstack.local.gateway.frames import MAX_MESSAGE_BYTES

# How long a client may take to make room for one message before it is cut off.
_SEND_S = 10


class Connection:
    """One client's connection; `context` is what all its events have in common."""

    def __init__(self, context: JsonMapping) -> None:
        self.id = secrets.token_urlsafe(11) + "="
        self.connected_at_ms = int(time.time() * 1000)
        self.last_active = time.time()
        self.context = {
            **context,
            "connectionId": self.id,
            "connectedAt": self.connected_at_ms,
        }
        self.closed_as: tuple[int, str] | None = None
        self._socket: web.WebSocketResponse | None = None

    def open(self, socket: web.WebSocketResponse) -> None:
        """Note that the handshake is done."""
        self._socket = socket

    async def send(self, data: bytes) -> None:
        """Send a message, as text if it is UTF-8; raises ConnectionError if the client is gone."""
        self.last_active = time.time()
        try:
            async with asyncio.timeout(_SEND_S):
                await self._send(data)
        except TimeoutError as error:
            await self.close(WSCloseCode.GOING_AWAY, "Slow client")
            raise ConnectionResetError from error

    async def close(self, code: int, reason: str) -> None:
        """Close the connection, for the reason that $disconnect will be told."""
        self.closed_as = self.closed_as or (code, reason)
        if self._socket is not None:
            await self._socket.close(code=code, message=reason.encode())

    async def _send(self, data: bytes) -> None:
        if self._socket is None:
            raise ConnectionResetError
        try:
            text = data.decode()
        except UnicodeDecodeError:
            await self._socket.send_bytes(data)
        else:
            await self._socket.send_str(text)


class Connections:
    """All open connections by id; `manage` is the management API."""

    def __init__(self) -> None:
        self._open: dict[str, Connection] = {}

    def __len__(self) -> int:
        """How many are open."""
        return len(self._open)

    def add(self, connection: Connection) -> None:
        """Note that a connection opened."""
        self._open[connection.id] = connection

    def remove(self, connection: Connection) -> None:
        """Note that a connection closed."""
        self._open.pop(connection.id, None)

    async def close_all(self) -> None:
        """Close every connection: the gateway goes away."""
        closing = [
            connection.close(WSCloseCode.GOING_AWAY, "Going away")
            for connection in self._open.values()
        ]
        await asyncio.gather(*closing, return_exceptions=True)

    async def manage(self, request: web.Request, connection_id: str) -> web.Response:
        """Answer POST (send), GET (look) and DELETE (close) of one connection."""
        connection = self._open.get(connection_id)
        if connection is None:
            return _problem(HTTPStatus.GONE, "GoneException")
        match request.method:
            case "POST":
                return await _post(request, connection)
            case "GET":
                return web.json_response(_description(connection))
            case "DELETE":
                await connection.close(WSCloseCode.OK, "Connection Closed Normally")
                return web.Response(status=HTTPStatus.NO_CONTENT)
            case _:
                return _problem(HTTPStatus.FORBIDDEN, "ForbiddenException")


async def _post(request: web.Request, connection: Connection) -> web.Response:
    data = await request.read()
    if len(data) > MAX_MESSAGE_BYTES:
        return _problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "PayloadTooLargeException")
    try:
        await connection.send(data)
    except ConnectionError:
        return _problem(HTTPStatus.GONE, "GoneException")
    return web.Response(status=HTTPStatus.OK)


def _description(connection: Connection) -> JsonObject:
    return {
        "connectedAt": _time(connection.connected_at_ms / 1000),
        "lastActiveAt": _time(connection.last_active),
        "identity": connection.context["identity"],
    }


def _time(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _problem(status: HTTPStatus, kind: str) -> web.Response:
    return web.json_response(
        {"message": status.phrase}, status=status, headers={"x-amzn-ErrorType": kind}
    )
