"""The fence around http_get: addresses that must never be reached, however they are written."""

from __future__ import annotations

import time
from collections.abc import Sequence
from ipaddress import ip_address

import pytest

from orchstack.kernel.clock import SystemClock
from orchstack.tool_exec.adapters.http_get.addresses import Address, is_public
from orchstack.tool_exec.adapters.http_get.client import Fence, WebClient
from orchstack.tool_exec.adapters.http_get.urls import parse_location
from orchstack.tool_exec.model import ToolFault

HOSTILE = [
    # This machine, in every spelling.
    "http://127.0.0.1/", "http://127.0.0.1:9001/2018-06-01/runtime/invocation/next",
    "http://127.1/", "http://127.0.1/", "http://2130706433/", "http://0x7f000001/",
    "http://0x7f.0.0.1/", "http://0177.0.0.1/", "http://017700000001/", "http://127.000.000.001/",
    "http://0/", "http://0.0.0.0/", "http://0x0/", "http://localhost/", "http://LOCALHOST/",
    "http://localhost./", "http://foo.localhost/", "http://[::1]/", "http://[::]/",
    "http://[0:0:0:0:0:0:0:1]/", "http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/",
    "http://[::127.0.0.1]/", "http://[64:ff9b::7f00:1]/", "http://[2002:7f00:1::]/",
    "http://127.0.0.1./", "http://\uff11\uff12\uff17.0.0.1/", "http://127\u30020\u30020\u30021/",
    "http://\u2460\u2461\u2466.0.0.1/", "http://loc\u00adalhost/",
    # The cloud's own services.
    "http://169.254.169.254/latest/meta-data/", "http://2852039166/", "http://0xa9fea9fe/",
    "http://0251.0376.0251.0376/", "http://[fd00:ec2::254]/", "http://[::ffff:169.254.169.254]/",
    "http://169.254.170.2/v2/credentials", "http://metadata.google.internal/",
    "http://metadata/", "http://100.100.100.200/", "http://168.63.129.16/",
    # Somebody's network.
    "http://10.0.0.1/", "http://172.16.0.1/", "http://172.31.255.255/", "http://192.168.1.1/",
    "http://100.64.0.1/", "http://198.18.0.1/", "http://192.0.0.1/", "http://224.0.0.1/",
    "http://240.0.0.1/", "http://255.255.255.255/", "http://[fc00::1]/", "http://[fe80::1]/",
    "http://[fe80::1%25eth0]/", "http://[ff02::1]/", "http://[2001:db8::1]/", "http://[2001::1]/",
    "http://printer.local/", "http://nas.lan/", "http://db.internal/", "http://router/",
    # Addresses that two programs could read in two ways.
    "http://user@127.0.0.1/", "http://example.com@127.0.0.1/", "http://127.0.0.1#@example.com/",
    "http://example.com\\@127.0.0.1/", "http://example.com%2f@127.0.0.1/",
    "http://example.com:80@127.0.0.1/", "http://[::1]@example.com/", "http://ex%61mple.com/",
    "http://example.com\r\nHost: 127.0.0.1/", "http://example.com/\r\nX: y", "http://a b.com/",
    "http://example.com\t/", "http://\x00example.com/", "http:///etc/passwd", "http://",
    "http://.example.com/", "http://example..com/", "http://-example.com/", "http://ex_\u2044.com/",
    "http://1.2.3.4.5/", "http://256.256.256.256/", "http://example.0x7f/", "http://[1.2.3.4]/",
    "http://[::1/", "http://::1/", "http://" + "a" * 64 + ".com/", "http://" + "a." * 130 + "com/",
    # Other doors.
    "http://example.com:22/", "http://example.com:9001/", "https://example.com:6379/",
    "http://example.com:0/", "http://example.com:99999/", "http://example.com:-80/",
    "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/", "data:text/plain,x",
    "javascript:alert(1)", "//example.com/", "example.com", "", "http:/example.com",
    "http://example.com/" + "a" * 2_000,
]  # fmt: skip


def unreachable(host: str, port: int, seconds: float) -> Sequence[Address]:
    """A resolver that finds every name on this machine."""
    del host, port, seconds
    return [ip_address("127.0.0.1")]


@pytest.mark.parametrize("url", HOSTILE, ids=ascii)
def test_hostile_addresses_are_refused(url: str) -> None:
    """Not one is connected to: sockets are off here, so a try would be another error."""
    client = WebClient(Fence(resolve=unreachable), SystemClock())

    with pytest.raises(ToolFault):
        client.fetch(url, time.time() + 5)


def test_there_are_enough_of_them() -> None:
    """The list is long, and no entry stands twice."""
    assert len(HOSTILE) == len(set(HOSTILE)) > 60


@pytest.mark.parametrize(
    "addresses",
    [
        ["10.0.0.1"],
        ["93.184.216.34", "10.0.0.1"],
        ["93.184.216.34", "::1"],
        ["::ffff:10.0.0.1"],
        [],
    ],
)
def test_one_private_address_damns_a_name(addresses: list[str]) -> None:
    """Every address of a name must be public, not only the one that would be used."""
    fence = Fence(resolve=lambda *_: [ip_address(address) for address in addresses])

    with pytest.raises(ToolFault, match="not on the public internet"):
        WebClient(fence, SystemClock()).fetch("https://example.com/", time.time() + 5)


@pytest.mark.parametrize(
    ("url", "authority", "target"),
    [
        ("https://example.com", "example.com", "/"),
        ("HTTP://EXAMPLE.com.:80/A?b=c#d", "example.com", "/A?b=c"),
        ("http://example.com?q=1", "example.com", "/?q=1"),
        ("https://b\u00fccher.example/\u00fc", "xn--bcher-kva.example", "/%C3%BC"),
        ("http://example.com:443/", "example.com:443", "/"),
        ("http://93.184.216.34/%2e/", "93.184.216.34", "/%2e/"),
        ("http://[2606:2800:220:1::1]/", "[2606:2800:220:1::1]", "/"),
    ],
)
def test_honest_addresses_are_read(url: str, authority: str, target: str) -> None:
    """Names, ports, queries and other alphabets are understood."""
    location = parse_location(url)

    assert (authority, target) == (location.authority, location.target)


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "100.128.0.1"])
def test_public_addresses_are_public(address: str) -> None:
    """The fence is no wall."""
    assert is_public(ip_address(address))


def test_a_name_that_is_not_resolved_in_time_is_told() -> None:
    """A slow or failing resolver is a fault for the model."""

    def slow(*_: object) -> Sequence[Address]:
        raise TimeoutError

    with pytest.raises(ToolFault, match="did not answer in time"):
        WebClient(Fence(resolve=slow), SystemClock()).fetch("https://a.example/", time.time() + 5)
