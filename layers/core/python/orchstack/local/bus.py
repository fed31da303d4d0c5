"""Delivers what EventBridge's rules and schedules send, off the caller's thread."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping

from orchstack.kernel.plain import JsonMapping, JsonObject
from orchstack.local.background import Background
from orchstack.local.rendering import render
from orchstack.local.targets import Targets, Undeliverable

_WORKERS = 8

_log = logging.getLogger(__name__)


class LocalBus:
    """Sends to targets; what cannot be delivered goes to the target's dead-letter queue.

    A target exists or it does not, so there is nothing to try again here. The retries after a
    function's own error are Lambda's: see `async_invocations`.
    """

    def __init__(self, targets: Targets) -> None:
        """Take what knows the targets."""
        self._targets = targets
        self._pool = Background(_WORKERS, "bus")

    def stop(self) -> None:
        """Deliver nothing more."""
        self._pool.stop()

    def deliver(self, rule_arn: str, target: JsonMapping, event: JsonObject) -> None:
        """Hand an event to a target of a rule, as the target wants its input."""
        body = render(target, event, rule_arn)
        self._pool.run(self._send, target, body, json.dumps(event), {"RULE_ARN": rule_arn})

    def invoke(self, schedule_arn: str, target: JsonMapping, body: str) -> None:
        """Hand a schedule's input to its target."""
        self._pool.run(self._send, target, body, body, {"SCHEDULE_ARN": schedule_arn})

    def _send(
        self, target: JsonMapping, body: str, original: str, origin: Mapping[str, str]
    ) -> None:
        arn = target["Arn"]
        try:
            self._targets.send(arn, body, target)
        except Undeliverable as error:
            dead_letter = target.get("DeadLetterConfig", {}).get("Arn")
            if dead_letter is None:
                _log.exception("an event is lost, its target has no dead-letter queue")
                return
            reasons = {
                **origin,
                "TARGET_ARN": arn,
                "ERROR_CODE": "RESOURCE_NOT_FOUND",
                "ERROR_MESSAGE": str(error),
            }
            self._targets.dead_letter(dead_letter, original, reasons)
