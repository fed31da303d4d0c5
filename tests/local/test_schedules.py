"""When schedules fire, and what their targets receive."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from orchstack.kernel.clock import ManualClock, SystemClock
from orchstack.local import cron
from orchstack.local.schedules import Ticker
from tests.local.kit import Cloud, eventually, queue_arn

_START = datetime(2026, 1, 1, tzinfo=UTC)


def _times(expression: str, count: int, zone: str = "UTC", start: str = "2026-01-01") -> list[str]:
    schedule = cron.parse(expression, zone)
    moment = datetime.fromisoformat(start).replace(tzinfo=ZoneInfo(zone))
    found: list[str] = []
    for _ in range(count):
        following = schedule.after(moment)
        if following is None:
            break
        found.append(following.astimezone(ZoneInfo(zone)).strftime("%a %Y-%m-%d %H:%M"))
        moment = following
    return found


@pytest.mark.parametrize(
    ("expected", "expression"),
    [
        (["Thu 2026-01-01 00:05", "Thu 2026-01-01 00:10"], "rate(5 minutes)"),
        (["Fri 2026-01-02 00:00", "Sat 2026-01-03 00:00"], "rate(1 day)"),
        (["Thu 2026-01-01 10:15", "Fri 2026-01-02 10:15"], "cron(15 10 * * ? *)"),
        (["Sun 2026-01-04 12:00", "Sun 2026-01-11 12:00"], "cron(0 12 ? * 1 *)"),
        (["Thu 2026-01-01 18:00", "Fri 2026-01-02 18:00", "Mon 2026-01-05 18:00"],
         "cron(0 18 ? * MON-FRI *)"),
        (["Sat 2026-01-31 08:00", "Sat 2026-02-28 08:00"], "cron(0 8 L * ? *)"),
        (["Fri 2026-01-30 08:00", "Fri 2026-02-27 08:00"], "cron(0 8 ? * 6L *)"),
        (["Fri 2026-01-16 08:00", "Fri 2026-02-20 08:00"], "cron(0 8 ? * FRI#3 *)"),
        (["Thu 2026-01-15 08:00", "Mon 2026-02-16 08:00"], "cron(0 8 15W * ? *)"),
        (["Thu 2026-01-01 00:00", "Fri 2027-01-01 00:00"], "cron(0 0 1 JAN ? 2026-2027)"),
        (["Thu 2026-01-01 08:10", "Thu 2026-01-01 08:40"], "cron(10/30 8 * * ? *)"),
        (["Tue 2028-02-29 00:00"], "cron(0 0 29 2 ? *)"),
        (["Sat 2026-05-02 09:30"], "at(2026-05-02T09:30:00)"),
    ],
)  # fmt: skip
def test_expressions_fall_due_as_aws_documents(expected: list[str], expression: str) -> None:
    """Rates, AWS's six cron fields with its weekday numbers, L, W and #, and one-off times."""
    start = "2025-12-31T23:59" if expression.startswith("cron(0 0 1") else "2026-01-01"
    assert expected == _times(expression, len(expected), start=start)


@pytest.mark.parametrize(
    "expression",
    [
        "every(5 minutes)",
        "cron(0 0 * * *)",
        "cron(0 0 * * * *)",
        "cron(0 24 * * ? *)",
        "cron(0 0 ? * XYZ *)",
        "rate(5 weeks)",
        "at(tomorrow)",
    ],
)
def test_a_wrong_expression_is_refused(expression: str) -> None:
    """What EventBridge would not take is refused with the reason."""
    with pytest.raises(cron.InvalidExpression, match=r"rate|cron|at"):
        cron.parse(expression)


def test_an_unknown_time_zone_is_refused() -> None:
    """A zone that does not exist is named."""
    with pytest.raises(cron.InvalidExpression, match="Moon"):
        cron.parse("cron(0 0 * * ? *)", "Moon/Base")


def test_a_skipped_local_time_does_not_fire() -> None:
    """On the day the clocks go forward 02:30 does not exist in Berlin, and nothing fires."""
    found = _times("cron(30 2 * * ? *)", 2, "Europe/Berlin", "2026-03-28T12:00")
    assert ["Mon 2026-03-30 02:30", "Tue 2026-03-31 02:30"] == found


def test_a_repeated_local_time_fires_once() -> None:
    """On the day the clocks go back 02:30 occurs twice in Berlin, and fires once."""
    found = _times("cron(30 2 * * ? *)", 2, "Europe/Berlin", "2026-10-24T12:00")
    assert ["Sun 2026-10-25 02:30", "Mon 2026-10-26 02:30"] == found


@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]
)
def test_a_daily_time_fires_every_day_of_two_years(zone: str) -> None:
    """A time outside the changes of the clocks fires once each day, in any zone."""
    found = _times("cron(0 12 * * ? *)", 731, zone, "2026-01-01")
    assert 731 == len({day.split()[1] for day in found}) == len(found)


class _Timeline:
    """A ticker on a clock that the test moves."""

    def __init__(self, cloud: Cloud) -> None:
        self.clock = ManualClock(_START)
        self.ticker = Ticker(cloud.bus, self.clock)
        self.ticker.tick()

    def advance(self, **span: float) -> float:
        """Move on and tick; returns the seconds to the next firing."""
        self.clock.advance(timedelta(**span).total_seconds())
        return self.ticker.tick()


def _schedule(cloud: Cloud, expression: str, **settings: Any) -> None:
    target = {"Arn": queue_arn("q"), "RoleArn": "arn:aws:iam::000000000000:role/x"}
    cloud.client("scheduler").create_schedule(
        Name="s",
        ScheduleExpression=expression,
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={**target, **settings.pop("Target", {})},
        **settings,
    )


def test_a_rate_fires_again_and_again(cloud: Cloud) -> None:
    """Each interval brings one message; nothing comes in between."""
    url = cloud.queue("q")
    _schedule(cloud, "rate(1 minute)", Target={"Input": '{"n": 1}'})
    time = _Timeline(cloud)
    assert 60 == time.advance(seconds=0)
    time.advance(seconds=59)
    assert [] == cloud.received(url, 0)
    time.advance(seconds=1)
    assert '{"n": 1}' == cloud.received(url)[0]["Body"]
    time.advance(minutes=1)
    assert 1 == len(cloud.received(url))


def test_a_time_of_a_zone_fires_there(cloud: Cloud) -> None:
    """A cron of New York fires at New York's time, with the scheduled time filled in."""
    url = cloud.queue("q")
    _schedule(
        cloud,
        "cron(0 9 * * ? *)",
        ScheduleExpressionTimezone="America/New_York",
        Target={"Input": '{"at": "<aws.scheduler.scheduled-time>"}'},
    )
    time = _Timeline(cloud)
    time.advance(hours=13, minutes=59)
    assert [] == cloud.received(url, 0)
    time.advance(minutes=1)
    assert {"at": "2026-01-01T14:00:00Z"} == json.loads(cloud.received(url)[0]["Body"])


def test_a_one_off_fires_once_and_is_deleted(cloud: Cloud) -> None:
    """With ActionAfterCompletion DELETE an at() schedule is gone after it fired."""
    url = cloud.queue("q")
    _schedule(cloud, "at(2026-01-01T01:00:00)", ActionAfterCompletion="DELETE")
    time = _Timeline(cloud)
    time.advance(hours=2)
    time.advance(hours=2)
    assert "Scheduled Event" == json.loads(cloud.received(url)[0]["Body"])["detail-type"]
    assert [] == cloud.received(url, 0)
    assert [] == cloud.client("scheduler").list_schedules()["Schedules"]


def test_a_disabled_schedule_does_not_fire(cloud: Cloud) -> None:
    """State DISABLED silences a schedule until it is enabled."""
    url = cloud.queue("q")
    _schedule(cloud, "rate(1 minute)", State="DISABLED")
    _Timeline(cloud).advance(hours=1)
    assert [] == cloud.received(url, 0)


def test_a_schedule_whose_target_is_gone_leaves_a_dead_letter(cloud: Cloud) -> None:
    """The input goes to the schedule's dead-letter queue, with the reason."""
    dead = cloud.queue("dead")
    missing = {"Arn": queue_arn("gone"), "DeadLetterConfig": {"Arn": queue_arn("dead")}}
    _schedule(cloud, "rate(1 minute)", Target={**missing, "Input": "{}"})
    _Timeline(cloud).advance(minutes=1)
    (letter,) = cloud.received(dead)
    assert "{}" == letter["Body"]
    assert letter["MessageAttributes"]["SCHEDULE_ARN"]["StringValue"].endswith("/default/s")


def test_a_rule_with_a_schedule_fires_too(cloud: Cloud) -> None:
    """An EventBridge rule's rate sends a Scheduled Event, or its constant input."""
    seen: list[Any] = []
    function = cloud.function("note", seen.append)
    events = cloud.client("events")
    events.put_rule(Name="r", ScheduleExpression="rate(1 hour)")
    events.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": function}])
    _Timeline(cloud).advance(hours=1)
    event = eventually(lambda: seen)[0]
    assert ("aws.events", "Scheduled Event", "2026-01-01T01:00:00Z") == (
        event["source"],
        event["detail-type"],
        event["time"],
    )


def test_the_ticker_wakes_for_a_new_schedule(cloud: Cloud) -> None:
    """A schedule made while the ticker sleeps is known at once."""
    cloud.queue("q")
    ticker = Ticker(cloud.bus, SystemClock())
    ticker.start()
    _schedule(cloud, "rate(1 hour)")
    ticker.changed()
    assert 1 == len(eventually(ticker.next_times))
    ticker.stop()
