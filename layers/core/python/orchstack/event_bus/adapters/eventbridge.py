"""EventBridge as the bus."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from uuid import UUID

from orchstack.event_bus.model import OutboxEntry, Refusal
from orchstack.kernel.aws import Client, client
from orchstack.kernel.errors import Unavailable

# PutEvents' error codes that blame the entry itself; all others may pass.
FINAL = frozenset({"InvalidArgument", "MalformedDetail"})


class EventBridgePublisher:
    """Publishes by PutEvents; the `detail` is the CloudEvent."""

    def __init__(self, bus_name: str) -> None:
        """Take the bus; the client is made on the first publish."""
        self._bus_name = bus_name

    def publish(self, entries: Sequence[OutboxEntry]) -> dict[UUID, Refusal]:
        """Publish one batch; gives the refusals by event id. Raises Unavailable."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = self._events.put_events(Entries=[self._entry(entry) for entry in entries])
        except (BotoCoreError, ClientError) as error:
            raise Unavailable("EventBridge is not answering.", retry_after_s=5) from error
        return {
            entry.event_id: Refusal(result["ErrorCode"], result["ErrorCode"] in FINAL)
            for entry, result in zip(entries, answer["Entries"], strict=True)
            if result.get("ErrorCode")
        }

    def _entry(self, entry: OutboxEntry) -> dict[str, str]:
        return {
            "EventBusName": self._bus_name,
            "Source": entry.source,
            "DetailType": entry.type,
            "Detail": entry.detail,
        }

    @cached_property
    def _events(self) -> Client:
        return client("events")
