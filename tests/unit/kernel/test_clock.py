from __future__ import annotations

from datetime import UTC, datetime, timedelta

from orchstack.kernel.clock import ManualClock, SystemClock


def test_the_system_clock_tells_utc_to_the_millisecond() -> None:
    """Times that are stored and compared have no microseconds to lose."""
    now = SystemClock().now()
    assert timedelta(0) == now.utcoffset()
    assert 0 == now.microsecond % 1000


def test_the_system_clock_goes_on() -> None:
    """Spans are never negative."""
    clock = SystemClock()
    assert clock.monotonic() <= clock.monotonic()


def test_a_manual_clock_moves_when_told() -> None:
    """Both times of a manual clock move together, and only by hand."""
    clock = ManualClock(datetime(2026, 5, 1, tzinfo=UTC))
    clock.advance(1.5)
    assert datetime(2026, 5, 1, 0, 0, 1, 500_000, tzinfo=UTC) == clock.now()
    assert 1.5 == clock.monotonic()
