"""Web addresses, read strictly: what two programs could read differently is refused."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final
from urllib.parse import quote

from orchstack.tool_exec.adapters.http_get.addresses import Address
from orchstack.tool_exec.model import ToolFault

MAX_URL: Final = 2_000
PORTS: Final = frozenset({80, 443})

_URL: Final = re.compile(
    r"(?P<scheme>https?)://"
    r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[^/?#:@\[\]%]+))"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<target>[/?][^#]*)?(?:#.*)?",
    re.IGNORECASE,
)
_UNSAFE: Final = re.compile(r"[\x00-\x20\x7f\\]|\s")
_LABEL: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMERIC: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
# What a path and query may hold as it is (RFC 3986), percent signs included.
_KEPT: Final = "/?:@!$&'()*+,;=-._~%"
_MAX_HOST: Final = 253
# Names for one's own machine and network (RFC 6761, RFC 8375 and habit).
_HOME: Final = (".localhost", ".local", ".internal", ".localdomain", ".home.arpa", ".lan", ".onion")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Location:
    """A web address in its parts; `literal` is set if the host is an address and no name."""

    scheme: str
    host: str
    port: int
    target: str
    literal: Address | None

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        host = f"[{self.host}]" if isinstance(self.literal, IPv6Address) else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The whole address."""
        return f"{self.scheme}://{self.authority}{self.target}"


def parse_location(url: str, ports: frozenset[int] = PORTS) -> Location:
    """Take an address apart. Raises ToolFault with the reason if it may not be fetched."""
    if len(url) > MAX_URL:
        raise ToolFault(f"A web address may have {MAX_URL} characters at most.")
    found = None if _UNSAFE.search(url) else _URL.fullmatch(url)
    if found is None:
        raise ToolFault(
            "That is no web address; write it like https://example.com/page, without user names,"
            " spaces or backslashes."
        )
    scheme = found["scheme"].lower()
    port = int(found["port"]) if found["port"] else _DEFAULT_PORTS[scheme]
    if port not in ports:
        raise ToolFault(f"Port {port} may not be used.")
    host, literal = _v6(found["v6"]) if found["v6"] else _host(found["host"])
    target = found["target"] or "/"
    target = target if target.startswith("/") else f"/{target}"
    return Location(scheme, host, port, quote(target, safe=_KEPT), literal)


def _v6(text: str) -> tuple[str, Address]:
    try:
        address = IPv6Address(text)
    except AddressValueError:
        raise ToolFault("The host of that web address is no IPv6 address.") from None
    return str(address), address


def _host(text: str) -> tuple[str, Address | None]:
    name = _ascii(text).lower().removesuffix(".")
    labels = name.split(".")
    if len(name) > _MAX_HOST or not all(_LABEL.fullmatch(label) for label in labels):
        raise ToolFault("The host of that web address is no host name.")
    if _NUMERIC.fullmatch(labels[-1]):
        try:
            return name, IPv4Address(name)
        except AddressValueError:
            raise ToolFault("The host of that web address is no IPv4 address.") from None
    if len(labels) == 1 or name.endswith(_HOME):
        raise ToolFault("That host is not on the public internet.")
    return name, None


def _ascii(text: str) -> str:
    if text.isascii():
        return text
    try:
        return text.encode("idna").decode("ascii")
    except UnicodeError:
        raise ToolFault("The host of that web address is no host name.") from None
