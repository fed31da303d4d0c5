"""http_get against real servers on loopback, with the fence opened to that one address."""

from __future__ import annotations

import gzip
import socketserver
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address

import pytest

from orchstack.kernel.clock import SystemClock
from orchstack.kernel.ids import new_id
from orchstack.tool_exec.adapters.http_get.addresses import Address
from orchstack.tool_exec.adapters.http_get.addresses import resolve as system_resolve
from orchstack.tool_exec.adapters.http_get.client import MAX_BODY_BYTES, Fence, WebClient
from orchstack.tool_exec.adapters.http_get.tool import HttpGet, HttpGetArguments
from orchstack.tool_exec.model import CallContext, ToolFault

LOOPBACK = ip_address("127.0.0.1")
PUBLIC = ip_address("93.184.216.34")


def page(body: bytes, kind: str = "text/plain", status: int = 200, **headers: str) -> bytes:
    """A whole answer."""
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}"
    return f"{head}Connection: close\r\n\r\n".encode() + body


def to(place: str) -> bytes:
    """A redirect."""
    return page(b"", status=302, Location=place)


@dataclass
class Site:
    """Answers by path; keeps the heads of its requests. A drip goes out byte by byte."""

    pages: dict[str, bytes]
    drips: bool = False
    port: int = 0
    heads: list[str] = field(default_factory=list)


@contextmanager
def site(pages: dict[str, bytes], *, drips: bool = False) -> Iterator[Site]:
    """Serve pages for the length of the block."""
    served = Site(pages, drips)

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            head = "".join(line.decode() for line in iter(self.rfile.readline, b"\r\n"))
            served.heads.append(head)
            answer = served.pages.get(head.split(" ")[1], page(b"", status=404))
            step = 1 if served.drips else max(1, len(answer))
            try:
                for at in range(0, len(answer), step):
                    self.wfile.write(answer[at : at + step])
                    time.sleep(0.02 if served.drips else 0)
            except OSError:
                return

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", 0), Handler) as server:
        served.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield served
        server.shutdown()


def fence(served: Site, *hosts: str) -> Fence:
    """A fence that is open for names that stand for the site."""

    def resolve(host: str, port: int, seconds: float) -> Sequence[Address]:
        del port, seconds
        return [LOOPBACK] if host in (hosts or ("a.example", "b.example")) else [PUBLIC]

    return Fence(
        resolve=resolve, allows=lambda address: address == LOOPBACK, ports=frozenset({served.port})
    )


def get(served: Site, path: str = "/", seconds: float = 5.0, host: str = "a.example") -> str:
    """What the tool gives for a page of the site."""
    tool = HttpGet(WebClient(fence(served), SystemClock()))
    arguments = HttpGetArguments(url=f"http://{host}:{served.port}{path}")
    context = CallContext(tenant_id=new_id(), idempotency_key="k", deadline=time.time() + seconds)
    return tool.run(arguments, context)


def test_a_page_is_read() -> None:
    """The text comes with where it is from and what it is; the host's name is sent along."""
    with site({"/a?b=1": page("grün".encode(), "text/html; charset=utf-8")}) as served:
        text = get(served, "/a?b=1")

    assert f"http://a.example:{served.port}/a?b=1 (text/html):\n\ngrün" == text
    assert f"Host: a.example:{served.port}\r\n" in served.heads[0]
    assert "Authorization" not in served.heads[0]


@pytest.mark.parametrize(
    "kind", ["text/csv", "application/json", "application/ld+json", "TEXT/XML"]
)
def test_text_is_read(kind: str) -> None:
    """All kinds of text are."""
    with site({"/": page(b"[1]", kind)}) as served:
        assert get(served).endswith("[1]")


@pytest.mark.parametrize("kind", ["image/png", "application/octet-stream", "application/zip", ""])
def test_other_things_are_told(kind: str) -> None:
    """What is no text is a fault that names what it is."""
    with site({"/": page(b"x", kind)}) as served, pytest.raises(ToolFault, match="holds no text"):
        get(served)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503])
def test_failures_are_told(status: int) -> None:
    """A failing page is a fault with its status."""
    told = pytest.raises(ToolFault, match=f"HTTP status {status}")
    with site({"/": page(b"x", status=status)}) as served, told:
        get(served)


def test_redirects_are_followed_a_little() -> None:
    """Three redirects are followed, relative ones and to other hosts; a fourth is not."""
    with site({"/3": to("/2"), "/2": to("1"), "/0": page(b"here"), "/4": to("/3")}) as served:
        served.pages["/1"] = to(f"http://b.example:{served.port}/0")

        assert get(served, "/3").endswith("here")
        with pytest.raises(ToolFault, match="redirects more than 3 times"):
            get(served, "/4")


@pytest.mark.parametrize(
    "place",
    [
        "http://127.0.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://localhost/",
        "//10.0.0.1/",
        "http://inside.example/",
        "file:///etc/passwd",
        "http://user@a.example/",
        "http://[::1]/",
        "http://[::1/",
        "http://[not-an-address]/",
    ],
)
def test_redirects_are_checked_anew(place: str) -> None:
    """A redirect to where one may not go ends there."""
    with site({"/": to(place)}) as served, pytest.raises(ToolFault):
        get(served)

    assert 1 == len(served.heads)


def test_a_rebinding_name_is_resolved_once() -> None:
    """The address that was checked is the one connected to; each redirect is checked anew."""
    answers = iter([[LOOPBACK], [LOOPBACK], [ip_address("127.0.0.2")]])
    with site({"/": page(b"public"), "/again": to("/")}) as served:
        rebinding = Fence(
            resolve=lambda *_: next(answers),
            allows=lambda address: address == LOOPBACK,
            ports=frozenset({served.port}),
        )
        client, url = WebClient(rebinding, SystemClock()), f"http://a.example:{served.port}"

        assert b"public" == client.fetch(f"{url}/", time.time() + 5).body
        with pytest.raises(ToolFault, match="not on the public internet"):
            client.fetch(f"{url}/again", time.time() + 5)

    assert 2 == len(served.heads)


def test_a_long_page_is_cut() -> None:
    """A page is read up to the limit, and the text says that it goes on."""
    with site({"/": page(b"a" * (MAX_BODY_BYTES + 1))}) as served:
        text = get(served)

    assert text.endswith("a\n[cut: the page goes on]")
    assert len(text) < MAX_BODY_BYTES + 200


def test_a_bomb_is_defused() -> None:
    """The limit counts what comes out of a compressed page, not what goes in."""
    bomb = gzip.compress(b"a" * 100_000_000)
    with site({"/": page(bomb, Content_Encoding="gzip")}) as served:
        assert len(get(served)) < MAX_BODY_BYTES + 200


@pytest.mark.parametrize(
    ("coding", "body"),
    [("gzip", gzip.compress(b"hello", mtime=0)), ("identity", b"hello")],
)
def test_compressed_pages_are_read(coding: str, body: bytes) -> None:
    """A server may compress though it was not asked to."""
    with site({"/": page(body, Content_Encoding=coding)}) as served:
        assert get(served).endswith("hello")


@pytest.mark.parametrize(
    "answer",
    [
        page(b"x", Content_Encoding="br"),
        page(b"no gzip", Content_Encoding="gzip"),
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\ncut",
        b"",
    ],
    ids=range(6),
)
def test_nonsense_is_told(answer: bytes) -> None:
    """What is no readable page is a fault for the model, never an exception for the run."""
    with site({"/": answer}) as served, pytest.raises(ToolFault):
        get(served)


@pytest.mark.parametrize("length", [20, 10_000])
def test_dripping_ends_in_time(length: int) -> None:
    """Bytes that drip in do not put the deadline off, in the head or in the body."""
    before = time.monotonic()
    dripping = page(b"a" * length)[: 40 if length < 100 else None]
    told = pytest.raises(ToolFault, match="did not answer in time")
    with site({"/": dripping + b"X" * 400}, drips=True) as served, told:
        get(served, seconds=0.5)

    assert time.monotonic() - before < 1.5


@pytest.mark.parametrize("charset", ["punycode", "zip", "unicode_escape", "nonsense", "utf-16"])
def test_odd_charsets_harm_nobody(charset: str) -> None:
    """A page's charset chooses among a few; everything else is read as UTF-8."""
    with site({"/": page(b"hello!", f"text/plain; charset={charset}")}) as served:
        assert get(served)


def test_the_system_resolver_is_asked_with_a_limit() -> None:
    """Names of this machine resolve; unknown ones are an OSError, in time."""
    assert LOOPBACK in system_resolve("localhost", 80, 5.0)
    before = time.monotonic()
    with pytest.raises(OSError, match=r".+"):
        system_resolve("nobody.invalid", 80, 0.5)
    assert time.monotonic() - before < 1.5
