"""What every publisher promises the relay."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

import pytest

from orchstack.event_bus.adapters.eventbridge import EventBridgePublisher
from orchstack.event_bus.adapters.in_memory import InMemoryPublisher
from orchstack.event_bus.model import OutboxEntry, Refusal
from orchstack.event_bus.ports import EventPublisher
from orchstack.kernel.errors import Unavailable
from tests.contract.event_bus.aws_stub import AwsStub
from tests.make import event


class Bus(Protocol):
    """A publisher, and a look at what arrived behind it."""

    @property
    def publisher(self) -> EventPublisher:
        """What is under test."""

    def arrived(self) -> list[UUID]:
        """The ids of the events on the bus."""

    def refuse(self, event_id: UUID, code: str) -> None:
        """Let the bus refuse an event."""


@dataclass(frozen=True)
class MemoryBus:
    """All in memory."""

    publisher: InMemoryPublisher

    def arrived(self) -> list[UUID]:
        """What the publisher kept."""
        return [entry.event_id for entry in self.publisher.published]

    def refuse(self, event_id: UUID, code: str) -> None:
        """Tell the publisher."""
        self.publisher.refusals[event_id] = Refusal(code, final=code == "MalformedDetail")


@dataclass(frozen=True)
class EventBridgeBus:
    """PutEvents over HTTP."""

    publisher: EventBridgePublisher
    aws: AwsStub

    def arrived(self) -> list[UUID]:
        """What reached AWS."""
        return [UUID(json.loads(entry["Detail"])["id"]) for entry in self.aws.events]

    def refuse(self, event_id: UUID, code: str) -> None:
        """Tell AWS."""
        self.aws.refusals[str(event_id)] = code


@pytest.fixture(params=["memory", "eventbridge"])
def bus(request: pytest.FixtureRequest) -> Bus:
    """Each adapter in turn."""
    if request.param == "memory":
        return MemoryBus(InMemoryPublisher())
    return EventBridgeBus(EventBridgePublisher("bus"), request.getfixturevalue("aws"))


def entries(count: int) -> list[OutboxEntry]:
    """Some entries of one tenant."""
    return [
        OutboxEntry(
            event_id=e.id,
            tenant_id=e.tenantid,
            source=e.source,
            type=e.type,
            detail=e.model_dump_json(),
        )
        for e in (event() for _ in range(count))
    ]


def test_a_whole_batch_arrives_in_order(bus: Bus) -> None:
    """Ten entries arrive as they were given, and none is refused."""
    batch = entries(10)

    assert {} == bus.publisher.publish(batch)
    assert [entry.event_id for entry in batch] == bus.arrived()


def test_a_refused_entry_is_named(bus: Bus) -> None:
    """The others arrive; the refusal says its code, and that it may pass."""
    batch = entries(3)
    bus.refuse(batch[1].event_id, "ThrottlingException")

    refused = bus.publisher.publish(batch)

    assert {batch[1].event_id: Refusal("ThrottlingException", final=False)} == refused
    assert [batch[0].event_id, batch[2].event_id] == bus.arrived()


def test_a_hopeless_entry_is_told_apart(bus: Bus) -> None:
    """A refusal that blames the entry itself is final."""
    batch = entries(1)
    bus.refuse(batch[0].event_id, "MalformedDetail")

    assert {batch[0].event_id: Refusal("MalformedDetail", final=True)} == (
        bus.publisher.publish(batch)
    )


def test_eventbridge_gets_the_cloud_event(aws: AwsStub) -> None:
    """Source and detail type stand outside, the CloudEvent is the detail."""
    (entry,) = entries(1)
    EventBridgePublisher("bus").publish([entry])

    assert [
        {
            "EventBusName": "bus",
            "Source": "orchstack.control_plane",
            "DetailType": "control_plane.AgentPublished.v1",
            "Detail": entry.detail,
        }
    ] == aws.events


def test_an_absent_eventbridge_is_unavailable(aws: AwsStub) -> None:
    """When the call as a whole fails, nothing is known to be published."""
    aws.failing = True

    with pytest.raises(Unavailable):
        EventBridgePublisher("bus").publish(entries(1))
