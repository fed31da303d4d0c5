"""The event bus, joined: each part is built on first use and kept for the life of the process."""

from __future__ import annotations

import time
from functools import cache

from orchstack.event_bus.adapters.api_gateway import ApiGatewaySender
from orchstack.event_bus.adapters.eventbridge import EventBridgePublisher
from orchstack.event_bus.adapters.nudge import QueueNudge
from orchstack.event_bus.adapters.postgres import (
    PostgresAnnouncements,
    PostgresConnections,
    PostgresOutbox,
    PostgresSockets,
)
from orchstack.event_bus.service import Listening, Listing, Opening, Pushing, Relay
from orchstack.kernel.clock import SystemClock
from orchstack.kernel.settings import EventSettings, Misconfigured, SocketSettings, load
from orchstack.wiring.database import database
from orchstack.wiring.valkey import valkey


@cache
def nudge() -> QueueNudge:
    """What wakes the relay after a commit."""
    queue_url = load(EventSettings).nudge_queue_url
    if queue_url is None:
        raise Misconfigured("ORCHSTACK_NUDGE_QUEUE_URL is missing")
    return QueueNudge(valkey, queue_url)


@cache
def relay() -> Relay:
    """The relay; connects as the platform role."""
    bus_name = load(EventSettings).event_bus_name
    if bus_name is None:
        raise Misconfigured("ORCHSTACK_EVENT_BUS_NAME is missing")
    return Relay(PostgresOutbox(database()), EventBridgePublisher(bus_name), nudge(), time.time)


@cache
def listing() -> Listing:
    """The listings; connect as the application."""
    return Listing(PostgresAnnouncements(database()))


@cache
def opening() -> Opening:
    """What $connect needs; connects as the application."""
    return Opening(PostgresSockets(database()), SystemClock())


@cache
def listening() -> Listening:
    """What a connected client needs; connects as the platform role."""
    return Listening(PostgresConnections(database()))


@cache
def pushing() -> Pushing:
    """The way from a queue to the sockets; connects as the application."""
    sender = ApiGatewaySender(load(SocketSettings).endpoint)
    return Pushing(PostgresSockets(database()), sender, SystemClock())
