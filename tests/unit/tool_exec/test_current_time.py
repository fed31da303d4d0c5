"""The clock of an agent."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from orchstack.kernel.clock import ManualClock
from orchstack.kernel.ids import new_id
from orchstack.tool_exec.adapters.current_time import CurrentTime, CurrentTimeArguments
from orchstack.tool_exec.model import CallContext, ToolFault

CLOCK = ManualClock(datetime(2026, 7, 1, 12, 30, 15, tzinfo=UTC))
CONTEXT = CallContext(tenant_id=new_id(), idempotency_key="k", deadline=0.0)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, "2026-07-01T12:30:15+00:00 (Wednesday, UTC)"),
        ({"timezone": "Europe/Berlin"}, "2026-07-01T14:30:15+02:00 (Wednesday, Europe/Berlin)"),
        ({"timezone": "Asia/Kolkata"}, "2026-07-01T18:00:15+05:30 (Wednesday, Asia/Kolkata)"),
    ],
)
def test_the_time_is_told_with_its_zone(arguments: dict[str, str], expected: str) -> None:
    """ISO 8601, with summer time, the weekday and the zone."""
    told = CurrentTime(CLOCK).run(CurrentTimeArguments(**arguments), CONTEXT)

    assert expected == told


@pytest.mark.parametrize(
    "name", ["", "Mars/Olympus", "../../etc/passwd", "/etc/passwd", "America", "a\x00b"]
)
def test_an_unknown_zone_is_told(name: str) -> None:
    """What is no zone, a path among them, is a fault that names the right form."""
    with pytest.raises(ToolFault, match="IANA"):
        CurrentTime(CLOCK).run(CurrentTimeArguments(timezone=name), CONTEXT)
