"""When a schedule expression of EventBridge falls due: `rate(…)`, `cron(…)` or `at(…)`.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html. Weekdays count from
1 = Sunday. A local time that a change to summer time skips does not fire; one that occurs twice
fires once.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_MONTHS = {
    name: number
    for number, name in enumerate(
        ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"), 1
    )
}
_WEEKDAYS = {
    name: number for number, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), 1)
}
_UNITS = {"minute": 60, "hour": 3600, "day": 86400}
_LAST_YEAR = 2199
_SATURDAY, _SUNDAY, _DAYS_A_WEEK = 7, 1, 7
_FIELDS = 6


class InvalidExpression(ValueError):
    """The expression is not one EventBridge takes."""


@dataclass(frozen=True)
class Rate:
    """Every so many seconds."""

    seconds: int

    def after(self, moment: datetime) -> datetime | None:
        """The first time after `moment`, counting from there."""
        return moment + timedelta(seconds=self.seconds)


@dataclass(frozen=True)
class At:
    """Once, at a local time."""

    moment: datetime

    def after(self, moment: datetime) -> datetime | None:
        """That time, or None if it is over."""
        return self.moment if self.moment > moment else None


@dataclass(frozen=True)
class Cron:
    """At the local times that fit six fields."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    day_of_month: str
    months: frozenset[int]
    day_of_week: str
    years: frozenset[int]
    zone: ZoneInfo

    def after(self, moment: datetime) -> datetime | None:
        """The first time after `moment`, or None if there is none before the year 2200."""
        day = moment.astimezone(self.zone).date()
        # The day before as well: a clock set back may leave times of it to come.
        for candidate in self._days(day - timedelta(days=1)):
            for instant in self._instants(candidate):
                if instant > moment:
                    return instant
        return None

    def _days(self, day: date) -> Iterator[date]:
        while day.year <= _LAST_YEAR:
            if day.year not in self.years:
                day = date(day.year + 1, 1, 1)
            elif day.month not in self.months:
                day = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
            else:
                if self.fits(day):
                    yield day
                day += timedelta(days=1)

    def fits(self, day: date) -> bool:
        """Whether the day fields take this day."""
        if self.day_of_week == "?":
            return _fits_month(self.day_of_month, day)
        return _fits_week(self.day_of_week, day)

    def _instants(self, day: date) -> Iterator[datetime]:
        for hour in self.hours:
            for minute in self.minutes:
                local = datetime.combine(day, time(hour, minute), self.zone)
                instant = local.astimezone(UTC)
                # A skipped local time comes back from UTC as another one.
                if instant.astimezone(self.zone).replace(tzinfo=None) == local.replace(tzinfo=None):
                    yield instant


Schedule = Rate | At | Cron


def parse(expression: str, zone: str = "UTC") -> Schedule:
    """Read a schedule expression; raises InvalidExpression."""
    found = re.fullmatch(r"(rate|cron|at)\((.*)\)", expression.strip())
    if found is None:
        raise InvalidExpression(f"{expression} is neither rate(…), cron(…) nor at(…)")
    kind, body = found.groups()
    try:
        if kind == "rate":
            return _rate(body)
        if kind == "at":
            local = datetime.fromisoformat(body).replace(tzinfo=ZoneInfo(zone))
            return At(local.astimezone(UTC))
        return _cron(body, ZoneInfo(zone))
    except (ValueError, KeyError) as error:
        raise InvalidExpression(f"{expression} ({zone}): {error}") from None


def _rate(body: str) -> Rate:
    value, unit = body.split()
    return Rate(int(value) * _UNITS[unit.removesuffix("s")])


def _cron(body: str, zone: ZoneInfo) -> Cron:
    fields = body.upper().split()
    if len(fields) != _FIELDS:
        raise ValueError(f"six fields are needed, there are {len(fields)}")
    if (fields[2] == "?") == (fields[4] == "?"):
        raise ValueError("exactly one of day-of-month and day-of-week must be ?")
    cron = Cron(
        minutes=tuple(sorted(_values(fields[0], 0, 59))),
        hours=tuple(sorted(_values(fields[1], 0, 23))),
        day_of_month=fields[2],
        months=frozenset(_values(fields[3], 1, 12, _MONTHS)),
        day_of_week=fields[4],
        years=frozenset(_values(fields[5], 1970, _LAST_YEAR)),
        zone=zone,
    )
    # The day fields are read for each day; a mistake in them must show now.
    cron.fits(date(2000, 1, 31))
    return cron


def _values(text: str, low: int, high: int, names: dict[str, int] | None = None) -> set[int]:
    values: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        if first == "*":
            start, stop = low, high
        else:
            start = _number(first, names)
            stop = _number(last, names) if last else (high if step else start)
        if start < low or max(start, stop) > high:
            raise ValueError(f"{part} is not within {low}-{high}")
        # FRI-MON runs over the end of the week.
        days = (
            range(start, stop + 1)
            if start <= stop
            else [*range(start, high + 1), *range(low, stop + 1)]
        )
        values.update(list(days)[:: int(step or 1)])
    return values


def _number(text: str, names: dict[str, int] | None) -> int:
    return names[text] if names and text in names else int(text)


def _fits_month(field: str, day: date) -> bool:
    last = calendar.monthrange(day.year, day.month)[1]
    if field == "L":
        return day.day == last
    if field.endswith("W"):
        wanted = last if field == "LW" else int(field[:-1])
        return day == _nearest_weekday(day.replace(day=min(wanted, last)))
    return day.day in _values(field, 1, 31)


def _nearest_weekday(day: date) -> date:
    """The working day nearest to a day, within its month."""
    weekday = _weekday(day)
    if weekday == _SATURDAY:
        back = day - timedelta(days=1)
        return back if back.month == day.month else day + timedelta(days=2)
    if weekday == _SUNDAY:
        on = day + timedelta(days=1)
        return on if on.month == day.month else day - timedelta(days=2)
    return day


def _fits_week(field: str, day: date) -> bool:
    weekday = _weekday(day)
    name, _, nth = field.partition("#")
    if nth:
        return weekday == _number(name, _WEEKDAYS) and (day.day - 1) // _DAYS_A_WEEK + 1 == int(nth)
    if field.endswith("L"):
        wanted = _number(field[:-1], _WEEKDAYS) if len(field) > 1 else _SATURDAY
        in_last_week = (day + timedelta(days=_DAYS_A_WEEK)).month != day.month
        return weekday == wanted and (in_last_week or field == "L")
    return weekday in _values(field, 1, _DAYS_A_WEEK, _WEEKDAYS)


def _weekday(day: date) -> int:
    """1 = Sunday … 7 = Saturday."""
    return day.isoweekday() % _DAYS_A_WEEK + 1
