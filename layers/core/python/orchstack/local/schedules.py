"""Fires what EventBridge Scheduler and the rules with a schedule have due; sleeps in between."""

from __future__ import annotations

import json
import logging
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from orchstack.kernel.clock import Clock
from orchstack.kernel.plain import JsonMapping
from orchstack.local import cron
from orchstack.local.bus import LocalBus
from orchstack.local.state import backends
from orchstack.local.template import ACCOUNT, REGION

# However far the next time is: the machine may have slept, or its clock been set.
_LONGEST_SLEEP_S = 60.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Due:
    """Something with a schedule: what to call it, when it fires, and where it goes."""

    arn: str
    expression: str
    zone: str
    targets: tuple[JsonMapping, ...]
    source: str
    start: datetime | None = None
    end: datetime | None = None
    delete_when_over: bool = False


class Ticker:
    """One thread that waits for the next time anything is due."""

    def __init__(self, bus: LocalBus, clock: Clock) -> None:
        """Take what delivers, and the time of day."""
        self._bus = bus
        self._clock = clock
        self._next: dict[tuple[str, str, str], datetime | None] = {}
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="ticker", daemon=True)

    def start(self) -> None:
        """Count from now on: what was due before is not made up for."""
        self._thread.start()

    def stop(self) -> None:
        """Fire nothing more."""
        self._stopping = True
        self.changed()
        self._thread.join(1)

    def changed(self) -> None:
        """Look again: a schedule was made, changed or deleted."""
        self._wake.set()

    def tick(self) -> float:
        """Fire all that is due; returns the seconds until something is again."""
        now = self._clock.now()
        known = {(due.arn, due.expression, due.zone): due for due in _all_due()}
        self._next = {
            key: self._next[key] if key in self._next else _next(due, now)
            for key, due in known.items()
        }
        for key, due in known.items():
            self._next[key] = self._fire_if_due(due, self._next[key], now)
        times = [at for at in self._next.values() if at is not None]
        return (min(times) - now).total_seconds() if times else _LONGEST_SLEEP_S

    def _fire_if_due(self, due: Due, at: datetime | None, now: datetime) -> datetime | None:
        if at is not None and at <= now:
            self._fire(due, at)
            following = _next(due, at)
            at = following if following is None or following > now else _next(due, now)
        if at is None and due.delete_when_over:
            _delete(due.arn)
        return at

    def next_times(self) -> dict[str, datetime | None]:
        """When each schedule fires next, by ARN."""
        return {arn: at for (arn, _, _), at in dict(self._next).items()}

    def _run(self) -> None:
        while not self._stopping:
            self._wake.clear()
            pause = self.tick()
            self._wake.wait(max(0.0, min(pause, _LONGEST_SLEEP_S)))

    def _fire(self, due: Due, at: datetime) -> None:
        moment = at.strftime("%Y-%m-%dT%H:%M:%SZ")
        event = {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": "Scheduled Event",
            "source": due.source,
            "account": ACCOUNT,
            "time": moment,
            "region": REGION,
            "resources": [due.arn],
            "detail": {},
        }
        for target in due.targets:
            if due.source == "aws.events":
                self._bus.deliver(due.arn, target, event)
            else:
                body = str(target.get("Input") or json.dumps(event))
                self._bus.invoke(due.arn, target, _with_context(body, due.arn, moment))


def _with_context(body: str, arn: str, moment: str) -> str:
    """Fill Scheduler's context attributes in.

    https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
    """
    context = {
        "schedule-arn": arn,
        "scheduled-time": moment,
        "execution-id": str(uuid.uuid4()),
        "attempt-number": "1",
    }
    for name, value in context.items():
        body = body.replace(f"<aws.scheduler.{name}>", value)
    return body


def _all_due() -> Iterator[Due]:
    for group in list(backends.schedules().schedule_groups.values()):
        for schedule in list(group.schedules.values()):
            if schedule.state == "ENABLED":
                yield Due(
                    arn=schedule.arn,
                    expression=schedule.schedule_expression,
                    zone=schedule.schedule_expression_timezone,
                    targets=(schedule.target,),
                    source="aws.scheduler",
                    start=_moment(schedule.start_date),
                    end=_moment(schedule.end_date),
                    delete_when_over=schedule.action_after_completion == "DELETE",
                )
    for bus in list(backends.event_buses().event_buses.values()):
        for rule in list(bus.rules.values()):
            if rule.scheduled_expression and rule.state == "ENABLED":
                yield Due(
                    rule.arn, rule.scheduled_expression, "UTC", tuple(rule.targets), "aws.events"
                )


def _next(due: Due, moment: datetime) -> datetime | None:
    try:
        schedule = cron.parse(due.expression, due.zone)
    except cron.InvalidExpression as error:
        _log.error("%s never fires: %s", due.arn, error)
        return None
    at = schedule.after(max(moment, due.start) if due.start else moment)
    return None if at and due.end and at > due.end else at


def _moment(value: float | str | None) -> datetime | None:
    return None if value is None else datetime.fromtimestamp(float(value), UTC)


def _delete(arn: str) -> None:
    group, name = arn.rsplit("/", 2)[1:]
    backends.schedules().delete_schedule(group, name)
