"""WebSocket clients: who may listen, what they may say, what they hear."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from orchstack.event_bus.adapters.in_memory import InMemorySockets, InMemorySocketSender
from orchstack.event_bus.service import Listening, Opening, Pushing
from orchstack.kernel.clock import ManualClock
from orchstack.kernel.errors import Unavailable
from orchstack.kernel.events import Event
from orchstack.kernel.ids import new_id
from orchstack.kernel.queues import Delivery
from orchstack.kernel.tenancy import Principal, Scope
from tests.make import event, principal

TENANT = new_id()
PUBLISHED = "control_plane.AgentPublished.v1"


@dataclass
class Bench:
    """Sockets in memory, and what their clients hear."""

    sockets: InMemorySockets = field(default_factory=InMemorySockets)
    sender: InMemorySocketSender = field(default_factory=InMemorySocketSender)
    clock: ManualClock = field(default_factory=ManualClock)

    def open(self, connection_id: str, caller: Principal) -> bool:
        """A client connects."""
        return Opening(self.sockets, self.clock).open(connection_id, caller)

    def say(self, connection_id: str, message: object) -> dict[str, Any]:
        """A client says something."""
        text = message if isinstance(message, str) else json.dumps(message)
        return Listening(self.sockets).receive(connection_id, text)

    def push(self, *events: Event) -> list[str]:
        """The queue delivers events."""
        bodies = [json.dumps({"detail": e.model_dump(mode="json")}) for e in events]
        deliveries = [Delivery(f"m{n}", body) for n, body in enumerate(bodies, 1)]
        return Pushing(self.sockets, self.sender, self.clock).push(deliveries)

    def heard(self, connection_id: str) -> list[UUID]:
        """The ids of the events a client has heard."""
        return [
            UUID(json.loads(text)["id"]) for id_, text in self.sender.sent if id_ == connection_id
        ]


@pytest.fixture
def bench() -> Bench:
    """A fresh bench."""
    return Bench()


def test_a_key_without_the_scope_may_not_listen(bench: Bench) -> None:
    """Only `events:read` opens a socket, and nothing remains of a refused one."""
    assert not bench.open("c1", principal(TENANT, frozenset({Scope.RUNS_READ})))
    assert [] == bench.sockets.of_tenant(TENANT)


def test_a_client_hears_its_tenants_events(bench: Bench) -> None:
    """An event goes to the sockets of its own tenant, and to no other."""
    bench.open("mine", principal(TENANT))
    bench.open("theirs", principal())
    announced = event(TENANT)

    assert [] == bench.push(announced)
    assert ([announced.id], []) == (bench.heard("mine"), bench.heard("theirs"))


def test_a_client_hears_what_it_subscribed_to(bench: Bench) -> None:
    """After `subscribe` only the named types come; an empty list brings all of them back."""
    bench.open("c1", principal(TENANT))
    answer = bench.say("c1", {"action": "subscribe", "types": ["agent_runtime.RunFailed.v1"]})
    bench.push(event(TENANT, type=PUBLISHED))
    bench.say("c1", {"action": "subscribe", "types": []})
    second = event(TENANT, type=PUBLISHED)
    bench.push(second)

    assert {"action": "subscribed", "types": ["agent_runtime.RunFailed.v1"]} == answer
    assert [second.id] == bench.heard("c1")


def test_ping_is_answered(bench: Bench) -> None:
    """A client keeps its connection alive with `ping`."""
    assert {"action": "pong"} == bench.say("c1", {"action": "ping"})


@pytest.mark.parametrize(
    "message",
    ["", "{", "[]", "null", '{"action": "shout"}', '{"action": "subscribe", "types": ["*"]}'],
)
def test_a_faulty_message_is_answered_with_what_to_send(bench: Bench, message: str) -> None:
    """Whatever a client says, the connection lives and it is told what can be said."""
    answer = bench.say("c1", message)

    assert "error" == answer["action"]
    assert "subscribe" in answer["detail"]


def test_subscribing_on_a_forgotten_connection_says_so(bench: Bench) -> None:
    """A client that is not known any more is told to connect again."""
    assert "connect again" in bench.say("c9", {"action": "subscribe"})["detail"]


def test_a_client_that_left_is_forgotten(bench: Bench) -> None:
    """A push that finds nobody removes the connection and is done."""
    bench.open("c1", principal(TENANT))
    bench.sender.gone.add("c1")

    assert [] == bench.push(event(TENANT))
    assert [] == bench.sockets.of_tenant(TENANT)


def test_a_revoked_key_loses_its_sockets(bench: Bench) -> None:
    """KeyRevoked closes the sockets that the key opened, and leaves the others."""
    revoked, kept = principal(TENANT), principal(TENANT)
    bench.open("c1", revoked)
    bench.open("c2", kept)
    bench.push(
        event(TENANT, type="control_plane.KeyRevoked.v1", data={"key_id": str(revoked.key_id)})
    )

    assert {"c1"} == bench.sender.gone
    assert ["c2"] == [socket.connection_id for socket in bench.sockets.of_tenant(TENANT)]


def test_a_socket_never_outlives_its_key(bench: Bench) -> None:
    """At the first event after the key's end its socket is closed unheard."""
    end = bench.clock.now() + timedelta(minutes=5)
    bench.open("c1", principal(TENANT).model_copy(update={"expires_at": end}))
    bench.clock.advance(300)
    bench.push(event(TENANT))

    assert ({"c1"}, []) == (bench.sender.gone, bench.heard("c1"))


def test_an_event_too_large_for_a_socket_comes_without_data(bench: Bench) -> None:
    """Beyond 128 KB the envelope goes out marked `truncated`; the rest can be read over HTTP."""
    bench.open("c1", principal(TENANT))
    bench.push(event(TENANT, data={"text": "x" * 130_000}))
    (heard,) = (json.loads(text) for _, text in bench.sender.sent)

    assert heard["truncated"]
    assert "data" not in heard


def test_what_cannot_be_pushed_is_delivered_again(bench: Bench) -> None:
    """A faulty message and a failing stage give their own message back, and only that."""
    bench.open("c1", principal(TENANT))
    good = {"detail": event(TENANT).model_dump(mode="json")}
    deliveries = [Delivery("bad", '{"detail": {}}'), Delivery("good", json.dumps(good))]

    assert ["bad"] == Pushing(bench.sockets, bench.sender, bench.clock).push(deliveries)
    assert ["good"] == Pushing(bench.sockets, Broken(), bench.clock).push(deliveries[1:])


class Broken(InMemorySocketSender):
    """A stage that does not answer."""

    def send(self, connection_id: str, text: str) -> bool:
        """Fail."""
        raise Unavailable(f"{connection_id}: {len(text)} characters not sent")
