"""SQS as Lambda delivers it: a batch of messages in, the ids of those to deliver again out.

Queues that EventBridge rules fill carry EventBridge's envelope, whose `detail` is our CloudEvent.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import ConfigDict

from orchstack.kernel.events import Event
from orchstack.kernel.frozen import Frozen
from orchstack.kernel.plain import JsonMapping, JsonObject


@dataclass(frozen=True)
class Delivery:
    """One message of a batch."""

    message_id: str
    body: str

    def event(self) -> Event:
        """The CloudEvent that a rule put on the queue; raises pydantic's ValidationError."""
        return _Relayed.model_validate_json(self.body).detail


class _Relayed(Frozen):
    model_config = ConfigDict(extra="ignore")

    detail: Event


def deliveries(batch: JsonMapping) -> list[Delivery]:
    """Read the messages of a batch; none, if something else than a queue called."""
    return [Delivery(record["messageId"], record["body"]) for record in batch.get("Records", ())]


def again(message_ids: Iterable[str]) -> JsonObject:
    """Answer a batch: the queue delivers these messages again, and no other."""
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in message_ids]}
