from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.local.edge_kit import SOCKET, Edge
from tests.local.kit import eventually


@contextmanager
def _opened(
    edge: Edge, query: str = "key=ada", port: int | None = None
) -> Iterator[ClientConnection]:
    url = f"ws://127.0.0.1:{port or edge.port}/ws?{query}"
    with connect(url, max_size=None, close_timeout=2) as client:
        yield client


def _told(client: ClientConnection, **message: Any) -> Any:
    client.send(json.dumps(message))
    return json.loads(client.recv(timeout=5))


def _id(client: ClientConnection) -> str:
    return str(_told(client, action="talk")["requestContext"]["connectionId"])


def _closed_by(client: ClientConnection, parts: list[str] | list[bytes]) -> int | None:
    try:
        client.send(parts)
        client.recv(timeout=5)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else None
    return None


def _left(edge: Edge, connection_id: str) -> str | None:
    lines = [line.split() for line in edge.notes.read_text().splitlines()]
    codes = [words[1] for words in lines if connection_id == words[0]]
    return codes[0] if codes else None


def test_messages_take_the_route_they_select(edge: Edge) -> None:
    """A message reaches the function its action names, with the event of a WebSocket API."""
    with _opened(edge) as client:
        event = _told(client, action="talk", text="hello")

    context = event["requestContext"]
    assert ("talk", "MESSAGE", "IN") == (
        context["routeKey"],
        context["eventType"],
        context["messageDirection"],
    )
    assert ("socket123", "live") == (context["apiId"], context["stage"])
    assert {"action": "talk", "text": "hello"} == json.loads(event["body"])
    assert context["connectedAt"] <= context["requestTimeEpoch"]
    assert "ada" == context["authorizer"]["word"]


@pytest.mark.parametrize(
    ("query", "status"), [("", 401), ("key=unauthorized", 401), ("key=deny", 403)]
)
def test_the_authorizer_guards_the_handshake(edge: Edge, query: str, status: int) -> None:
    """Without a key, with a wrong one or a denied one the handshake fails with its status."""
    with pytest.raises(InvalidStatus) as refused, _opened(edge, query):
        pass

    assert status == refused.value.response.status_code


def test_the_connect_function_may_refuse(edge: Edge) -> None:
    """The status of the $connect function is that of a refused handshake."""
    with pytest.raises(InvalidStatus) as refused, _opened(edge, "key=ada&status=418"):
        pass

    assert 418 == refused.value.response.status_code


def test_a_plain_request_is_told_to_upgrade(edge: Edge) -> None:
    """A request that is no WebSocket handshake answers 426."""
    assert 426 == edge.ask("GET", "/ws?key=ada").status


def test_a_message_without_a_route_is_answered_forbidden(edge: Edge) -> None:
    """Without a matching route or a $default one, the client hears Forbidden and stays."""
    with _opened(edge) as client:
        client.send("no json")
        answer = json.loads(client.recv(timeout=5))
        assert "Forbidden" == answer["message"]
        assert answer["connectionId"] == _id(client)


def test_a_failing_function_is_told(edge: Edge) -> None:
    """A function that fails on a message leaves the connection open and says so."""
    with _opened(edge) as client:
        assert "Internal server error" == _told(client, action="stumble")["message"]
        assert _id(client)


def test_a_route_without_an_answer_is_silent(edge: Edge) -> None:
    """Only routes with a route response send the function's body back."""
    with _opened(edge) as client:
        client.send(json.dumps({"action": "quiet"}))
        assert "talk" == _told(client, action="talk")["requestContext"]["routeKey"]
        with pytest.raises(TimeoutError):
            client.recv(timeout=0.2)


@pytest.mark.parametrize("text", ["no json", '{"action": "$disconnect"}'])
def test_the_default_route_takes_the_rest(edge: Edge, text: str) -> None:
    """A $default route receives what selects no other; the gateway's own cannot be selected."""
    fallback = replace(SOCKET.routes[2], key="$default", function_name="edge.reflect")
    gateway, port = edge.serve(replace(SOCKET, routes=(*SOCKET.routes, fallback)))
    with _opened(edge, port=port) as client:
        client.send(text)
        event = json.loads(client.recv(timeout=5))
    edge.run(gateway.stop())

    assert ("$default", text) == (event["requestContext"]["routeKey"], event["body"])


def test_functions_post_to_their_connections(edge: Edge) -> None:
    """A function reaches its client through the management API, also with the stage before it."""
    with _opened(edge) as client:
        for prefix in ("", "/live"):
            url = f"http://127.0.0.1:{edge.port}{prefix}"
            client.send(json.dumps({"action": "quiet", "post": url}))
            assert "posted" == client.recv(timeout=5)


def test_a_connection_can_be_looked_at_and_closed(edge: Edge) -> None:
    """GET describes a connection, DELETE closes it, and after that it is gone."""
    with _opened(edge) as client:
        connection_id = _id(client)
        path = f"/@connections/{connection_id}"
        described = edge.ask("GET", path).document
        assert 204 == edge.ask("DELETE", path).status
        with pytest.raises(ConnectionClosed):
            client.recv(timeout=5)

    assert "127.0.0.1" == described["identity"]["sourceIp"]
    assert described["connectedAt"] <= described["lastActiveAt"]
    answer = edge.ask("POST", path, "late")
    assert (410, "GoneException") == (answer.status, answer.headers["x-amzn-ErrorType"])


def test_disconnect_is_called_however_a_client_leaves(edge: Edge) -> None:
    """$disconnect learns of a close with its code, and of a connection that is just cut."""
    with _opened(edge) as polite:
        polite_id = _id(polite)
    with _opened(edge) as rude:
        rude_id = _id(rude)
        rude.socket.close()

    assert "1000" == eventually(lambda: _left(edge, polite_id))
    assert eventually(lambda: _left(edge, rude_id))
    assert eventually(lambda: 0 == edge.gateway.connections)


def test_the_management_api_limits_messages(edge: Edge) -> None:
    """A message over 128 KB is refused with 413; one of 128 KB arrives."""
    with _opened(edge) as client:
        path = f"/@connections/{_id(client)}"
        assert 413 == edge.ask("POST", path, "x" * (128 * 1024 + 1)).status
        assert 200 == edge.ask("POST", path, "x" * (128 * 1024)).status
        assert 128 * 1024 == len(client.recv(timeout=5))


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        (["x" * (32 * 1024 + 1)], 1009),
        (["x" * 32_000] * 5, 1009),
        ([b"binary"], 1003),
    ],
)
def test_clients_have_limits(edge: Edge, parts: list[str] | list[bytes], code: int) -> None:
    """A frame over 32 KB, a message over 128 KB or a binary one closes with its code."""
    with _opened(edge) as client:
        connection_id = _id(client)
        assert code == _closed_by(client, parts)

    assert str(code) == eventually(lambda: _left(edge, connection_id))


def test_large_messages_in_small_frames_pass(edge: Edge) -> None:
    """A message of 100 KB in frames of less than 32 KB arrives whole."""
    text = json.dumps({"action": "talk", "text": "x" * 100_000})
    with _opened(edge) as client:
        client.send([text[at : at + 30_000] for at in range(0, len(text), 30_000)])
        event = json.loads(client.recv(timeout=5))

    assert text == event["body"]


def test_an_idle_connection_is_closed(edge: Edge) -> None:
    """Without traffic in either direction a connection is closed as going away."""
    gateway, port = edge.serve(SOCKET, idle_s=0.5)
    with _opened(edge, port=port) as client:
        started = time.monotonic()
        assert _id(client)
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(timeout=5)
    edge.run(gateway.stop())

    assert closed.value.rcvd is not None
    assert 1001 == closed.value.rcvd.code
    assert 0.5 <= time.monotonic() - started < 3


def test_stopping_the_gateway_says_goodbye(edge: Edge) -> None:
    """When the gateway stops, clients are closed as going away and $disconnect is called."""
    gateway, port = edge.serve(SOCKET)
    with _opened(edge, port=port) as client:
        connection_id = _id(client)
        edge.run(gateway.stop())
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(timeout=5)

    assert closed.value.rcvd is not None
    assert 1001 == closed.value.rcvd.code
    assert "1001" == eventually(lambda: _left(edge, connection_id))
