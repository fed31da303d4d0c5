"""WebSocket clients: who listens to what, and the events on their way to them."""

from __future__ import annotations

import json
from collections.abc import Iterable

from pydantic import ValidationError

from orchstack.event_bus.model import (
    KEY_REVOKED,
    MAX_MESSAGE_BYTES,
    Command,
    Socket,
)
from orchstack.event_bus.ports import Connections, Sockets, SocketSender
from orchstack.kernel.clock import Clock
from orchstack.kernel.errors import OrchStackError
from orchstack.kernel.events import Event
from orchstack.kernel.observability import logger
from orchstack.kernel.plain import JsonObject
from orchstack.kernel.queues import Delivery
from orchstack.kernel.tenancy import Principal, Scope


class Opening:
    """A WebSocket client connects."""

    def __init__(self, sockets: Sockets, clock: Clock) -> None:
        """Take where connections are kept, and the time."""
        self._sockets = sockets
        self._clock = clock

    def open(self, connection_id: str, principal: Principal) -> bool:
        """Let a client listen to its tenant's events; False without the scope `events:read`."""
        if not principal.may(Scope.EVENTS_READ):
            return False
        self._sockets.add(
            Socket(
                tenant_id=principal.tenant_id,
                connection_id=connection_id,
                key_id=principal.key_id,
                connected_at=self._clock.now(),
                expires_at=principal.expires_at,
            )
        )
        return True


class Listening:
    """A connected WebSocket client says what it wants to hear, and leaves."""

    def __init__(self, connections: Connections) -> None:
        """Take where connections are kept."""
        self._connections = connections

    def close(self, connection_id: str) -> None:
        """Forget a client that left."""
        self._connections.remove(connection_id)

    def receive(self, connection_id: str, text: str) -> JsonObject:
        """Do what a client's message asks; gives the answer to send back, also to a faulty one."""
        try:
            command = Command.model_validate_json(text)
        except ValidationError:
            return _problem('send {"action": "ping"} or {"action": "subscribe", "types": […]}')
        if command.action == "ping":
            return {"action": "pong"}
        if not self._connections.subscribe(connection_id, frozenset(command.types)):
            return _problem("this connection is not known any more; connect again")
        return {"action": "subscribed", "types": sorted(command.types)}


def _problem(detail: str) -> JsonObject:
    return {"action": "error", "detail": detail}


class Pushing:
    """Sends relayed events to the sockets of their tenant."""

    def __init__(self, sockets: Sockets, sender: SocketSender, clock: Clock) -> None:
        """Take where connections are kept, the way to them, and the time."""
        self._sockets = sockets
        self._sender = sender
        self._clock = clock

    def push(self, deliveries: Iterable[Delivery]) -> list[str]:
        """Push each delivered event; gives the ids of the messages to deliver again.

        A message that comes twice is pushed twice: clients tell by the event's `id`.
        """
        return [d.message_id for d in deliveries if not self._pushed(d)]

    def _pushed(self, delivery: Delivery) -> bool:
        try:
            self._push(delivery.event())
        except (OrchStackError, ValidationError) as error:
            logger.warning(
                "event not pushed",
                extra={"message_id": delivery.message_id, "reason": type(error).__name__},
            )
            return False
        return True

    def _push(self, event: Event) -> None:
        message = _message(event)
        for socket in self._sockets.of_tenant(event.tenantid):
            if self._must_close(socket, event):
                self._sender.close(socket.connection_id)
                self._sockets.drop(socket.tenant_id, socket.connection_id)
            elif socket.hears(event.type) and not self._sender.send(socket.connection_id, message):
                self._sockets.drop(socket.tenant_id, socket.connection_id)

    def _must_close(self, socket: Socket, event: Event) -> bool:
        """Whether the key that opened the socket has been revoked or has expired."""
        if event.type == KEY_REVOKED and event.data.get("key_id") == str(socket.key_id):
            return True
        return socket.expires_at is not None and socket.expires_at <= self._clock.now()


def _message(event: Event) -> str:
    text = event.model_dump_json()
    if len(text.encode()) <= MAX_MESSAGE_BYTES:
        return text
    # A socket takes no more; the whole event can be read from GET /v1/events.
    return json.dumps(event.model_dump(mode="json", exclude={"data"}) | {"truncated": True})
