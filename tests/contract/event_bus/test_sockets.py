"""What every store of connections promises, and every way to send to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import pytest

from orchstack.event_bus.adapters.api_gateway import ApiGatewaySender
from orchstack.event_bus.adapters.in_memory import InMemorySockets, InMemorySocketSender
from orchstack.event_bus.adapters.postgres import PostgresConnections, PostgresSockets
from orchstack.event_bus.model import Socket
from orchstack.event_bus.ports import Connections, Sockets, SocketSender
from orchstack.kernel.errors import Unavailable
from orchstack.kernel.ids import new_id
from tests.contract.event_bus.aws_stub import AwsStub
from tests.make import NOW

TENANT, OTHER = new_id(), new_id()
RUNS = frozenset({"agent_runtime.RunCompleted.v1"})


class Stores(Protocol):
    """The two faces of the same connections."""

    @property
    def sockets(self) -> Sockets:
        """By tenant."""

    @property
    def connections(self) -> Connections:
        """By connection id alone."""


@dataclass(frozen=True)
class Both:
    """A pair of stores."""

    sockets: Sockets
    connections: Connections


@pytest.fixture(params=["memory", "postgres"])
def stores(request: pytest.FixtureRequest) -> Stores:
    """Each adapter in turn."""
    if request.param == "memory":
        memory = InMemorySockets()
        return Both(memory, memory)
    return Both(
        PostgresSockets(request.getfixturevalue("database")),
        PostgresConnections(request.getfixturevalue("platform_database")),
    )


def socket(connection_id: str = "c1=", **changes: object) -> Socket:
    """A connection of a tenant that hears everything."""
    given = {"tenant_id": TENANT, "key_id": new_id(), "connected_at": NOW}
    return Socket(connection_id=connection_id, **given | changes)  # type: ignore[arg-type]  # a factory


def test_connections_are_kept_by_tenant(stores: Stores) -> None:
    """A tenant finds its own connections, whole, and nobody else's."""
    mine, theirs = socket("c1="), socket("c2=", tenant_id=OTHER, expires_at=NOW)
    stores.sockets.add(mine)
    stores.sockets.add(theirs)

    assert [mine] == stores.sockets.of_tenant(TENANT)
    assert [theirs] == stores.sockets.of_tenant(OTHER)


def test_connecting_twice_is_connecting_once(stores: Stores) -> None:
    """A repeated $connect changes nothing."""
    stores.sockets.add(socket("c1="))
    stores.connections.subscribe("c1=", RUNS)
    stores.sockets.add(socket("c1="))

    assert [RUNS] == [found.types for found in stores.sockets.of_tenant(TENANT)]


def test_a_connection_chooses_what_it_hears(stores: Stores) -> None:
    """Subscribing needs the connection's id only, and tells if nobody knows it."""
    stores.sockets.add(socket("c1="))

    assert stores.connections.subscribe("c1=", RUNS)
    assert not stores.connections.subscribe("c9=", RUNS)
    assert [RUNS] == [found.types for found in stores.sockets.of_tenant(TENANT)]


def test_a_connection_that_left_is_forgotten(stores: Stores) -> None:
    """Removing works by id alone, and again for one that is gone."""
    stores.sockets.add(socket("c1="))
    stores.connections.remove("c1=")
    stores.connections.remove("c1=")

    assert [] == stores.sockets.of_tenant(TENANT)


def test_a_tenant_drops_only_its_own(stores: Stores) -> None:
    """Dropping another tenant's connection does nothing."""
    stores.sockets.add(socket("c1="))
    stores.sockets.drop(OTHER, "c1=")

    assert 1 == len(stores.sockets.of_tenant(TENANT))
    stores.sockets.drop(TENANT, "c1=")
    assert [] == stores.sockets.of_tenant(TENANT)


@dataclass(frozen=True)
class Way:
    """A sender, and a look at the other end."""

    sender: SocketSender
    heard: Callable[[], list[tuple[str, str]]]
    leave: Callable[[str], None]


@pytest.fixture(params=["memory", "api_gateway"])
def way(request: pytest.FixtureRequest) -> Way:
    """Each adapter in turn."""
    if request.param == "memory":
        memory = InMemorySocketSender()
        return Way(memory, lambda: memory.sent, memory.gone.add)
    aws: AwsStub = request.getfixturevalue("aws")
    return Way(ApiGatewaySender(aws.url), lambda: aws.pushed, aws.gone.add)


def test_a_message_reaches_its_client(way: Way) -> None:
    """A message arrives as it is, under an id as API Gateway makes them."""
    assert way.sender.send("L0SM9cOFvHcCIhw=", '{"ü": 1}')
    assert [("L0SM9cOFvHcCIhw=", '{"ü": 1}')] == way.heard()


def test_a_client_that_left_is_told(way: Way) -> None:
    """Sending to a client that has gone gives False; closing it once more is nothing."""
    way.leave("c1=")

    assert not way.sender.send("c1=", "{}")
    way.sender.close("c1=")


def test_an_absent_stage_is_unavailable(aws: AwsStub) -> None:
    """When API Gateway fails, the message has to be tried again."""
    aws.failing = True

    with pytest.raises(Unavailable):
        ApiGatewaySender(aws.url).send("c1=", "{}")
