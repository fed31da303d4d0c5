"""The size limits of WebSocket frames, which aiohttp leaves to the message as a whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from aiohttp import web

if TYPE_CHECKING:
    from aiohttp.http_websocket import WebSocketWriter

# https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
MAX_FRAME_BYTES = 32 * 1024
MAX_MESSAGE_BYTES = 128 * 1024

_LENGTH_BITS = 0x7F
_TWO_BYTES = 126
_MASK_BYTES = 4


class Parser(Protocol):
    """What aiohttp feeds a connection's bytes to."""

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Take bytes; gives whether it is done, and what it left."""

    def feed_eof(self) -> None:
        """Take the end of the connection."""


class FrameGuard:
    """Reads the length of each client frame on its way to aiohttp's own parser."""

    def __init__(self, inner: Parser, too_long: Callable[[], None]) -> None:
        """Take the parser behind, and what to do about a frame that is too long."""
        self._inner = inner
        self._too_long = too_long
        self._header = b""
        self._payload_left = 0
        self._refused = False

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Pass bytes on, until a frame is too long; nothing passes after that."""
        self._measure(data)
        return (False, b"") if self._refused else self._inner.feed_data(data)

    def feed_eof(self) -> None:
        """Pass the end on."""
        self._inner.feed_eof()

    def _measure(self, data: bytes) -> None:
        while data and not self._refused:
            skipped = min(self._payload_left, len(data))
            self._payload_left -= skipped
            data = data[skipped:]
            if data:
                data = self._begin(self._header + data)

    def _begin(self, data: bytes) -> bytes:
        size = _header_size(data)
        if size is None or len(data) < size:
            self._header = data
            return b""
        self._header = b""
        self._payload_left = _payload_size(data)
        if self._payload_left > MAX_FRAME_BYTES:
            self._refused = True
            self._too_long()
        return data[size:]


class GuardedSocket(web.WebSocketResponse):
    """A WebSocket that tells of a frame that is too long, and takes nothing after it."""

    def __init__(self, *, protocols: tuple[str, ...], too_long: Callable[[], None]) -> None:
        # A second is enough for the client's half of the closing handshake.
        super().__init__(
            max_msg_size=MAX_MESSAGE_BYTES, compress=False, protocols=protocols, timeout=1
        )
        self._tell = too_long

    def _post_start(
        self, request: web.BaseRequest, protocol: str | None, writer: WebSocketWriter
    ) -> None:
        super()._post_start(request, protocol, writer)
        # aiohttp (its version is pinned) offers no look at frames; this is where it reads them.
        transport = request.protocol
        transport._payload_parser = FrameGuard(transport._payload_parser, self._tell)  # noqa: SLF001


def _extended(data: bytes) -> int:
    # RFC 6455 §5.2: the length stands in the second byte, or in 2 or 8 bytes after it.
    return {_TWO_BYTES: 2, _LENGTH_BITS: 8}.get(data[1] & _LENGTH_BITS, 0)


def _header_size(data: bytes) -> int | None:
    return 2 + _extended(data) + _MASK_BYTES if len(data) > 1 else None


def _payload_size(data: bytes) -> int:
    extended = _extended(data)
    return int.from_bytes(data[2 : 2 + extended], "big") if extended else data[1] & _LENGTH_BITS
