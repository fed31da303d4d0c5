"""Which network addresses are public: only those may be connected to."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

Address = IPv4Address | IPv6Address
# Takes a host, a port and how many seconds there are. Raises OSError.
Resolve = Callable[[str, int, float], Sequence[Address]]

# IANA's special-purpose registries, multicast and reserved space; and Azure's metadata address.
_CLOSED_V4: Final = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
# Of IPv6 only global unicast is open, less what carries IPv4 addresses or documents. Mapped, unique
# local, link-local, NAT64 and multicast addresses all lie outside.
_OPEN_V6: Final = IPv6Network("2000::/3")
_CLOSED_V6: Final = tuple(
    IPv6Network(network)
    for network in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)


def is_public(address: Address) -> bool:
    """Whether an address belongs to the public internet."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _CLOSED_V4)
    return address in _OPEN_V6 and not any(address in network for network in _CLOSED_V6)


def resolve(host: str, port: int, seconds: float) -> Sequence[Address]:
    """Look a host's addresses up with the system's resolver. Raises OSError, also past the time.

    The resolver itself takes no time-out, so it runs on a thread that is left behind if it is slow.
    """
    answers: queue.SimpleQueue[Sequence[Address] | OSError] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answers.put([ip_address(str(entry[4][0]).partition("%")[0]) for entry in found])
        except OSError as error:
            answers.put(error)

    threading.Thread(target=look_up, daemon=True, name="resolver").start()
    try:
        answer = answers.get(timeout=max(seconds, 0.001))
    except queue.Empty:
        raise TimeoutError("the name was not resolved in time") from None
    if isinstance(answer, OSError):
        raise answer
    return list(dict.fromkeys(answer))
