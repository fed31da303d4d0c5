"""What every transport promises the client; the real one over a server that misbehaves."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from orchstack.sdk import (
    ConnectionFailed,
    HttpRequest,
    HttpResponse,
    HttpTransport,
    MockTransport,
    Transport,
)

GO_ON = threading.Event()


class Misbehaving(BaseHTTPRequestHandler):
    """Answers by path: whole, in chunks with a pause, cut, or never."""

    protocol_version = "HTTP/1.1"
    connections: set[tuple[str, int]]

    def do_POST(self) -> None:
        """Echo method, a header and the body."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._whole(b"%s %s" % (self.headers["X-Name"].encode(), body), status=201)

    def do_GET(self) -> None:
        """Do as the path says."""
        self.connections.add(self.client_address)
        if self.path == "/whole":
            self._whole(b"whole")
        elif self.path == "/moved":
            self._whole(b"", status=302, Location="/whole")
        elif self.path == "/silent":
            GO_ON.wait(2)
            self.close_connection = True
        else:
            self._chunked()

    def _whole(self, body: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _chunked(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"5\r\nfirst\r\n")
        self.wfile.flush()
        if self.path == "/cut":
            self.close_connection = True
            return
        GO_ON.wait(2)
        self.wfile.write(b"6\r\nsecond\r\n0\r\n\r\n")

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@pytest.fixture
def url() -> Iterator[str]:
    """The address of the server."""
    GO_ON.clear()
    Misbehaving.connections = set()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Misbehaving)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    GO_ON.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def http() -> Iterator[HttpTransport]:
    """The real transport."""
    transport = HttpTransport()
    yield transport
    transport.close()


def get(url: str, path: str, timeout_s: float = 5) -> HttpRequest:
    """A GET."""
    return HttpRequest(method="GET", url=url + path, headers={}, timeout_s=timeout_s)


def _echo(request: HttpRequest) -> HttpResponse:
    return HttpResponse(201, {}, [request.headers["X-Name"].encode(), b" ", request.body or b""])


@pytest.mark.parametrize("kind", ["mock", "http"])
def test_a_request_arrives_whole(url: str, http: HttpTransport, kind: str) -> None:
    """Method, headers and body arrive, status and body come back."""
    transport: Transport = http if kind == "http" else MockTransport(_echo)
    request = HttpRequest(method="POST", url=url, headers={"X-Name": "n"}, body=b"b")
    response = transport.send(request)

    assert (201, b"n b") == (response.status, response.read())


def test_a_chunk_is_given_as_soon_as_it_comes(url: str, http: HttpTransport) -> None:
    """The first chunk is there while the server has not sent the second."""
    chunks = iter(http.send(get(url, "/chunked")).chunks)

    assert b"first" == next(chunks)
    GO_ON.set()
    assert b"second" == b"".join(chunks)


def test_a_cut_answer_is_an_error(url: str, http: HttpTransport) -> None:
    """A body that ends before its end raises, after what came of it."""
    chunks = iter(http.send(get(url, "/cut")).chunks)

    assert b"first" == next(chunks)
    with pytest.raises(ConnectionFailed, match="cut"):
        next(chunks)


def test_a_silent_server_is_given_up(url: str, http: HttpTransport) -> None:
    """The time-out bounds the wait for bytes."""
    with pytest.raises(ConnectionFailed):
        http.send(get(url, "/silent", timeout_s=0.2))


def test_an_absent_server_is_an_error(http: HttpTransport) -> None:
    """Nobody listens there."""
    with pytest.raises(ConnectionFailed, match="no answer"):
        http.send(get("http://127.0.0.1:9", "/"))


def test_redirects_are_not_followed(url: str, http: HttpTransport) -> None:
    """A key is never carried to where a redirect points."""
    assert 302 == http.send(get(url, "/moved")).status


def test_connections_are_used_again(url: str, http: HttpTransport) -> None:
    """Answers that were read leave their connection to the next request."""
    for _ in range(3):
        http.send(get(url, "/whole")).read()

    assert 1 == len(Misbehaving.connections)


def test_an_abandoned_stream_spoils_nothing(url: str, http: HttpTransport) -> None:
    """A stream that was not read to its end does not disturb the next request."""
    chunks = iter(http.send(get(url, "/chunked")).chunks)
    next(chunks)
    del chunks

    assert b"whole" == http.send(get(url, "/whole")).read()
