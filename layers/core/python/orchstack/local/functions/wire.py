"""The server's half of HTTP/1.1, as far as Lambda runtimes speak it.

aiohttp hides the trailers of a chunked request, and trailers are how a streaming function says that
it failed in the middle. One coroutine reads a connection, so that a slow reader of a stream holds
its function back.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus

# A runtime puts up to 1 MB of stack trace into one header.
HEAD_LIMIT = 2 * 1024 * 1024
_PIECE = 64 * 1024


@dataclass(frozen=True)
class Head:
    """A request's first lines; header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]


class TooMuch(Exception):
    """The body is longer than its reader takes."""


class Connection:
    """One runtime's connection: read a head, then its body, then reply; and again."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def head(self) -> Head | None:
        """Read the next request's head; None when the runtime hung up."""
        try:
            raw = await self._reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return None
        first, *lines = raw[:-4].decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ", 2)
        head = Head(method, path, _headers(lines))
        if head.headers.get("expect", "").lower() == "100-continue":
            self._writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return head

    async def body(self, head: Head, limit: int) -> bytes:
        """Read a whole body of at most `limit` bytes, else raise TooMuch."""
        pieces, size = [], 0
        async for piece in self.pieces(head, {}):
            size += len(piece)
            if size > limit:
                raise TooMuch
            pieces.append(piece)
        return b"".join(pieces)

    async def pieces(self, head: Head, trailers: dict[str, str]) -> AsyncIterator[bytes]:
        """Give a body as it arrives; `trailers` is filled when it ends."""
        if head.headers.get("transfer-encoding", "").lower() != "chunked":
            async for piece in self._exactly(int(head.headers.get("content-length", "0"))):
                yield piece
            return
        while size := int((await self._line()).partition(";")[0], 16):
            async for piece in self._exactly(size):
                yield piece
            await self._reader.readexactly(2)
        lines = []
        while line := await self._line():
            lines.append(line)
        trailers.update(_headers(lines))

    def reply(
        self, status: HTTPStatus, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> None:
        """Write an answer."""
        lines = [
            f"HTTP/1.1 {status.value} {status.phrase}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            *(f"{name}: {value}" for name, value in (headers or {}).items()),
        ]
        self._writer.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)

    def close(self) -> None:
        """Hang up."""
        self._writer.close()

    async def _line(self) -> str:
        return (await self._reader.readuntil(b"\r\n"))[:-2].decode("latin-1")

    async def _exactly(self, size: int) -> AsyncIterator[bytes]:
        while size:
            piece = await self._reader.readexactly(min(size, _PIECE))
            size -= len(piece)
            yield piece


def _headers(lines: list[str]) -> dict[str, str]:
    split = (line.partition(":") for line in lines)
    return {name.strip().lower(): value.strip() for name, _, value in split}
