"""An HTTP client that resolves once, checks every address, and connects to the one it checked."""

from __future__ import annotations

import socket
import ssl
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import cache
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead
from ipaddress import ip_address
from typing import Final
from urllib.parse import urljoin

from orchstack.kernel.clock import Clock
from orchstack.kernel.deadline_socket import DeadlineSocket
from orchstack.tool_exec.adapters.http_get.addresses import Address, Resolve, is_public, resolve
from orchstack.tool_exec.adapters.http_get.urls import PORTS, Location, parse_location
from orchstack.tool_exec.model import ToolFault

MAX_REDIRECTS: Final = 3
MAX_BODY_BYTES: Final = 512 * 1024
CONNECT_WITHIN_S: Final = 5.0

_MAX_ADDRESSES: Final = 3
_READ_SIZE: Final = 16 * 1024
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_FAILED: Final = 400


@dataclass(frozen=True)
class Page:
    """What a server answered; `body` is decompressed and cut at MAX_BODY_BYTES."""

    url: str
    status: int
    content_type: str
    body: bytes
    cut: bool


@dataclass(frozen=True, kw_only=True)
class Fence:
    """What may be reached; tests open it to a loopback server, nothing else does."""

    resolve: Resolve = resolve
    allows: Callable[[Address], bool] = is_public
    ports: frozenset[int] = PORTS


@dataclass(frozen=True)
class WebClient:
    """Fetches pages from behind the fence."""

    fence: Fence
    clock: Clock

    def fetch(self, url: str, deadline: float) -> Page:
        """Get a page, over at most MAX_REDIRECTS redirects that are each checked anew.

        `deadline` is Unix time in seconds. Raises ToolFault.
        """
        location = parse_location(url, self.fence.ports)
        for _ in range(MAX_REDIRECTS + 1):
            with self._get(location, deadline) as response:
                onward = response.getheader("Location")
                if response.status not in _REDIRECTS or not onward:
                    return _page(location, response)
            location = self._onward(location, onward)
        raise ToolFault(f"{url} redirects more than {MAX_REDIRECTS} times.")

    def _onward(self, location: Location, onward: str) -> Location:
        following = parse_location(_joined(location.url, onward), self.fence.ports)
        if location.scheme == "https" and following.scheme == "http":
            raise ToolFault("The page redirects to an unencrypted one, which is not followed.")
        return following

    @contextmanager
    def _get(self, location: Location, deadline: float) -> Iterator[HTTPResponse]:
        connection = HTTPConnection(location.host, location.port)
        try:
            connection.sock = self._connected(location, deadline)
            connection.putrequest("GET", location.target, skip_host=True, skip_accept_encoding=True)
            connection.putheader("Host", location.authority)
            connection.putheader("User-Agent", "orchstack-http-get")
            connection.putheader("Accept", "text/*, application/json;q=0.9, */*;q=0.1")
            connection.putheader("Accept-Encoding", "identity")
            connection.putheader("Connection", "close")
            connection.endheaders()
            with closing(connection.getresponse()) as response:
                yield response
        except TimeoutError as error:
            raise ToolFault(f"{location.host} did not answer in time.") from error
        except (OSError, HTTPException, zlib.error) as error:
            raise ToolFault(f"{location.host} could not be read.") from error
        finally:
            connection.close()

    def _connected(self, location: Location, deadline: float) -> socket.socket:
        addresses = self._checked_addresses(location, deadline)
        fault: OSError = OSError("no address")
        for address in addresses[:_MAX_ADDRESSES]:
            try:
                return self._connect(location, address, deadline)
            except OSError as error:
                fault = error
        raise fault

    def _checked_addresses(self, location: Location, deadline: float) -> list[Address]:
        """Every address of the host, if every one is public: one private one damns the name."""
        if location.literal is not None:
            found = [location.literal]
        else:
            seconds = min(CONNECT_WITHIN_S, self._time_left(deadline))
            found = list(self.fence.resolve(location.host, location.port, seconds))
        if not found or not all(self.fence.allows(address) for address in found):
            raise _not_public(location)
        return found

    def _connect(self, location: Location, address: Address, deadline: float) -> socket.socket:
        left = self._time_left(deadline)
        plain = socket.create_connection(
            (str(address), location.port), timeout=min(CONNECT_WITHIN_S, left)
        )
        with ExitStack() as undo:
            undo.callback(plain.close)
            if ip_address(plain.getpeername()[0]) != address:
                raise _not_public(location)
            plain.settimeout(self._time_left(deadline))
            secured = plain
            if location.scheme == "https":
                secured = _tls().wrap_socket(plain, server_hostname=location.host)
            wrapped = DeadlineSocket.wrap(secured, self._time_left(deadline))
            undo.pop_all()
        return wrapped

    def _time_left(self, deadline: float) -> float:
        seconds = deadline - self.clock.now().timestamp()
        if seconds <= 0:
            raise TimeoutError("the deadline has passed")
        return seconds


def _joined(url: str, onward: str) -> str:
    try:
        return urljoin(url, onward)
    except ValueError:
        raise ToolFault("The page redirects to what is no web address.") from None


def _not_public(location: Location) -> ToolFault:
    return ToolFault(f"{location.host} is not on the public internet.")


@cache
def _tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _page(location: Location, response: HTTPResponse) -> Page:
    if response.status >= _FAILED:
        raise ToolFault(f"{location.url} answered with HTTP status {response.status}.")
    body, cut = _body(response)
    return Page(
        url=location.url,
        status=response.status,
        content_type=response.getheader("Content-Type", "text/plain"),
        body=body,
        cut=cut,
    )


def _body(response: HTTPResponse) -> tuple[bytes, bool]:
    """Read at most MAX_BODY_BYTES, counted after decompression; says whether there was more."""
    coding = response.getheader("Content-Encoding", "identity").strip().lower()
    if coding not in ("identity", "", "gzip", "x-gzip", "deflate"):
        raise ToolFault("The page is compressed in a way that cannot be read.")
    # 32 more than the largest window size: zlib finds out itself whether it is gzip or deflate.
    unpack = None if coding in ("identity", "") else zlib.decompressobj(zlib.MAX_WBITS | 32)
    body = bytearray()
    read = 0
    while len(body) <= MAX_BODY_BYTES and read <= MAX_BODY_BYTES:
        piece = response.read(_READ_SIZE)
        if not piece:
            # `http.client` itself takes the end of a cut body for the end of the body.
            if response.length:
                raise IncompleteRead(bytes(body), response.length)
            break
        read += len(piece)
        body += piece if unpack is None else unpack.decompress(piece, MAX_BODY_BYTES + 1)
    cut = len(body) > MAX_BODY_BYTES or read > MAX_BODY_BYTES
    return bytes(body[:MAX_BODY_BYTES]), cut
