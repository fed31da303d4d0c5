"""WebSocket clients of the whole stack: who may listen, what they hear, and how they leave."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from typing import Any

import psycopg
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.cloud import Caller, RunningCloud, eventually
from tests.make import agent_document

STARTED, COMPLETED = "agent_runtime.RunStarted.v1", "agent_runtime.RunCompleted.v1"
KEY_CREATED = "control_plane.KeyCreated.v1"
Open = Callable[[str], ClientConnection]


@pytest.fixture
def listen(cloud: RunningCloud) -> Iterator[Open]:
    """Opens sockets with a key in the header, and closes them at the end."""
    with ExitStack() as opened:

        def open_socket(key: str) -> ClientConnection:
            bearer = {"Authorization": f"Bearer {key}"}
            return opened.enter_context(
                connect(cloud.state["socket_url"], additional_headers=bearer)
            )

        yield open_socket


@pytest.fixture
def clerk(tenant: Caller) -> Caller:
    """A tenant with an agent."""
    tenant.put("/v1/agents/clerk", agent_document(name="clerk").model_dump(mode="json"))
    return tenant


def ask(socket: ClientConnection, **message: object) -> dict[str, Any]:
    """Send a message and wait for its answer, past the events that come meanwhile."""
    socket.send(json.dumps(message))
    heard: dict[str, Any] = {}
    while "action" not in heard:
        heard = json.loads(socket.recv(timeout=20))
    return heard


def hear(socket: ClientConnection, until: str) -> list[dict[str, Any]]:
    """All events up to the first of this type."""
    heard: list[dict[str, Any]] = []
    while not heard or heard[-1]["type"] != until:
        heard.append(json.loads(socket.recv(timeout=20)))
    return heard


def overheard(socket: ClientConnection) -> set[str]:
    """The tenants whose events come within a second."""
    tenants = set()
    with suppress(TimeoutError):
        while True:
            tenants.add(str(json.loads(socket.recv(timeout=1))["tenantid"]))
    return tenants


def kept(cloud: RunningCloud, caller: Caller) -> int:
    """How many sockets that a key opened the database knows."""
    query = (
        "select count(*) from app.sockets join app.api_keys using (tenant_id)"
        " where key_id = id and digest = sha256(%s)"
    )
    with psycopg.connect(cloud.state["database_dsn"]) as connection:
        row = connection.execute(query, [caller.key.encode()]).fetchone()
        return int(row[0]) if row else 0


def test_a_key_opens_a_socket(cloud: RunningCloud, tenant: Caller, listen: Open) -> None:
    """The key may be in the Authorization header or, as browsers must, in the query."""
    with connect(f"{cloud.state['socket_url']}?key={tenant.key}") as from_browser:
        assert {"action": "pong"} == ask(from_browser, action="ping")
    assert {"action": "pong"} == ask(listen(tenant.key), action="ping")


@pytest.mark.parametrize("key", ["", "nonsense", "os_live_" + "A" * 71])
def test_a_wrong_key_opens_nothing(cloud: RunningCloud, key: str) -> None:
    """No key, a mistyped one and an unknown one fail the handshake."""
    url = f"{cloud.state['socket_url']}?key={key}"
    with pytest.raises(InvalidStatus) as refused, connect(url):
        pass

    assert 401 == refused.value.response.status_code


def test_a_key_without_the_scope_hears_nothing(tenant: Caller, listen: Open) -> None:
    """Listening needs `events:read`."""
    body = {"name": "deaf", "scopes": ["runs:read", "runs:write"]}
    deaf = tenant.post("/v1/keys", body).body["secret"]

    with pytest.raises(InvalidStatus) as refused:
        listen(deaf)
    assert 403 == refused.value.response.status_code


def test_a_run_is_heard_by_its_tenant_alone(
    cloud: RunningCloud, clerk: Caller, listen: Open
) -> None:
    """Within seconds the start and the end of a run arrive, as CloudEvents; others hear nothing."""
    ours, theirs = listen(clerk.key), listen(cloud.tenant("eavesdropper").key)
    run = clerk.run("clerk", "What is 17 * 23?").body
    heard = [e for e in hear(ours, COMPLETED) if e["subject"] == f"runs/{run['id']}"]

    assert [STARTED, COMPLETED] == [event["type"] for event in heard]
    assert {"1.0"} == {event["specversion"] for event in heard}
    assert run["usage"] == heard[-1]["data"]["usage"]
    assert heard[-1]["tenantid"] not in overheard(theirs)


def test_a_subscriber_hears_its_types_only(clerk: Caller, listen: Open) -> None:
    """After `subscribe` only events of the named types arrive; an unknown action is refused."""
    socket = listen(clerk.key)

    assert "error" == ask(socket, action="dance")["action"]
    assert [COMPLETED] == ask(socket, action="subscribe", types=[COMPLETED])["types"]
    clerk.run("clerk", "hi")
    assert [COMPLETED] == [event["type"] for event in hear(socket, COMPLETED)]


def test_a_revoked_key_loses_its_sockets(tenant: Caller, listen: Open) -> None:
    """A socket is closed when the key that opened it is revoked."""
    made = tenant.post("/v1/keys", {"name": "ears", "scopes": ["events:read"]}).body
    socket = listen(made["secret"])
    tenant.delete(f"/v1/keys/{made['key']['id']}")

    assert 1000 == eventually(lambda: socket.close_code, within_s=20)


def test_a_client_that_leaves_is_forgotten(
    cloud: RunningCloud, tenant: Caller, listen: Open
) -> None:
    """Whether it says goodbye or sends a message that is too long, its row goes."""
    polite, loud = listen(tenant.key), listen(tenant.key)
    # Once this event has been pushed, no later push can notice that they are gone.
    made = tenant.post("/v1/keys", {"name": "last", "scopes": ["runs:read"]}).body["key"]["id"]
    for socket in (polite, loud):
        while hear(socket, KEY_CREATED)[-1]["subject"] != f"keys/{made}":
            pass
    assert 2 == kept(cloud, tenant)

    polite.close()
    loud.send("x" * 40_000)
    with pytest.raises(ConnectionClosed):
        loud.recv(timeout=10)
    assert eventually(lambda: kept(cloud, tenant) == 0)
