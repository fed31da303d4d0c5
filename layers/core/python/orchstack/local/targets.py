"""Hands a payload to what an ARN names: a function, queue, state machine or event bus."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping

from orchstack.kernel.plain import JsonMapping
from orchstack.local.functions.model import UnknownFunction
from orchstack.local.state import backends

Submit = Callable[[str, bytes], None]

_REFUSALS: tuple[type[Exception], ...] = (*backends.REFUSALS, UnknownFunction)


class Undeliverable(Exception):
    """The target does not exist or cannot take the payload; trying again would not help."""


class Targets:
    """The targets that EventBridge, Scheduler and Lambda's destinations can have here."""

    def __init__(self, submit: Submit) -> None:
        """Take what runs a function some time soon."""
        self._submit = submit
        self._senders: Mapping[str, Callable[[str, str, JsonMapping], None]] = {
            "lambda": self._to_function,
            "sqs": self._to_queue,
            "states": self._to_machine,
            "events": self._to_bus,
        }

    def send(self, arn: str, body: str, parameters: JsonMapping | None = None) -> None:
        """Deliver a JSON text; `parameters` are the target's own, such as SqsParameters.

        Raises Undeliverable.
        """
        sender = self._senders.get(arn.split(":")[2])
        if sender is None:
            raise Undeliverable(f"{arn}: this kind of target is not known locally")
        try:
            sender(arn, body, parameters or {})
        except _REFUSALS as error:
            raise Undeliverable(f"{arn}: {error}") from error

    def dead_letter(self, queue_arn: str, body: str, reasons: Mapping[str, str]) -> None:
        """Put what could not be delivered into a dead-letter queue, with the reasons."""
        attributes = {
            name: {"DataType": "String", "StringValue": reason[:1024] or "-"}
            for name, reason in reasons.items()
        }
        name = queue_arn.rsplit(":", 1)[-1]
        backends.queues().send_message(
            name,
            body,
            message_attributes=attributes,
            group_id="dead" if name.endswith(".fifo") else None,
            deduplication_id=str(uuid.uuid4()) if name.endswith(".fifo") else None,
        )

    def _to_function(self, arn: str, body: str, _parameters: JsonMapping) -> None:
        self._submit(arn, body.encode())

    def _to_queue(self, arn: str, body: str, parameters: JsonMapping) -> None:
        name = arn.rsplit(":", 1)[-1]
        backends.queues().send_message(
            name,
            body,
            group_id=parameters.get("SqsParameters", {}).get("MessageGroupId"),
            deduplication_id=str(uuid.uuid4()) if name.endswith(".fifo") else None,
        )

    def _to_machine(self, arn: str, body: str, _parameters: JsonMapping) -> None:
        backends.machines().start_execution(arn, str(uuid.uuid4()), body)

    def _to_bus(self, arn: str, body: str, parameters: JsonMapping) -> None:
        entry = parameters.get("EventBridgeParameters", {})
        backends.event_buses().put_events(
            [
                {
                    "Source": entry.get("Source", "orchstack.local"),
                    "DetailType": entry.get("DetailType", "Delivered"),
                    "Detail": body if isinstance(json.loads(body), dict) else "{}",
                    "EventBusName": arn.rsplit("/", 1)[-1],
                }
            ]
        )
