"""moto's rules know few targets and less of their inputs; here the local bus delivers.

moto keeps what it does well: patterns, log groups, archives and other buses.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, Protocol

from jsonpath_ng import ext as jsonpath
from moto.events.models import Rule

from orchstack.kernel.plain import JsonMapping, JsonObject
from orchstack.local.state import Moto, backends


class Bus(Protocol):
    """Delivers an event to a target of a rule."""

    def deliver(self, rule_arn: str, target: JsonMapping, event: JsonObject) -> None:
        """Hand the event over some time soon; never raises."""


# An archive lives in memory here: it keeps the newest events.
_ARCHIVED: Final = 10_000
_PATHS: Final = 256

_send_to_targets = Rule.send_to_targets
_archive_event = Rule._send_to_events_archive  # noqa: SLF001 - the seam between rule and archive


def install(bus: Bus) -> None:
    """Send what rules match through the given bus."""

    def send(rule: Moto, event: JsonObject, transform_input: bool = True) -> None:
        if rule.state != "ENABLED" or not _matches(rule, event):
            return
        for target in list(rule.targets):
            if _is_known_to_moto(target["Arn"]):
                _alone(rule, target, event, transform_input)
            else:
                bus.deliver(rule.arn, target, as_delivered(event))

    Rule.send_to_targets = send
    Rule._send_to_events_archive = _archive_newest  # noqa: SLF001 - likewise
    # moto compiles an archive's few paths anew for each event: 10 ms of CPU each time.
    jsonpath.parse = lru_cache(_PATHS)(jsonpath.parse)


def as_delivered(event: JsonMapping) -> JsonObject:
    """The event as a target receives it: without moto's extras, its time in ISO 8601."""
    when = event["time"]
    if isinstance(when, int | float):
        moment = datetime.fromtimestamp(when, UTC)
        when = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        key: when if key == "time" else value
        for key, value in event.items()
        if key not in ("ingestion-time", "replay-name", "archive-arn")
    }


def _matches(rule: Moto, event: JsonMapping) -> bool:
    # A rule without a pattern has only a schedule; moto would let it match every event.
    return bool(rule.event_pattern.get_pattern()) and rule.event_pattern.matches_event(event)


def _is_known_to_moto(arn: str) -> bool:
    service, resource = arn.split(":", 5)[2], arn.split(":", 5)[5]
    if service == "events":
        return not resource.startswith("api-destination/")
    return service == "logs"


def _alone(rule: Moto, target: Moto, event: JsonObject, transform_input: bool) -> None:
    single = Rule.__new__(Rule)
    single.__dict__.update(rule.__dict__, targets=[target])
    _send_to_targets(single, event, transform_input)


def _archive_newest(rule: Moto, archive_id: str, event: Moto) -> None:
    _archive_event(rule, archive_id, event)
    archive = backends.event_buses().archives[archive_id.split(":", maxsplit=1)[0]]
    del archive.events[:-_ARCHIVED]
