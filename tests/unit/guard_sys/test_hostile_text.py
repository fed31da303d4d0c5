"""Text that is made to keep the guards busy takes no longer than other text."""

from __future__ import annotations

import time

import pytest

from orchstack.guard_sys.detectors.patterns import PatternDetector
from orchstack.guard_sys.detectors.redaction import Redactor

MEGABYTE = 1_000_000
UNITS = [
    "a", "1", "1 ", "1.", "0-", "(0", "a@", "a.@", "x.", "a" * 500 + "@", "4111 ", "3782 822463 ",
    "DE89 ", "AA00 AAAA AAAA ", "DE89370400440532013000 ", "+1 ", "00 1 ", "030 12 ", "123-45-",
    "::", "a:", "1:", "sk-", "ghp_", "xoxb-", "AKIA", "os_live_", "é1@", "1\u200b", " ", "\u0660",
]  # fmt: skip


@pytest.mark.parametrize("unit", UNITS, ids=ascii)
def test_a_megabyte_takes_less_than_a_second(unit: str) -> None:
    """A megabyte of anything, repeated, costs less than a second of CPU."""
    text = (unit * (MEGABYTE // len(unit) + 1))[:MEGABYTE]
    redactor = Redactor(PatternDetector().find)
    before = time.process_time()
    redactor.feed(text)
    redactor.finish()

    assert time.process_time() - before < 1.0
