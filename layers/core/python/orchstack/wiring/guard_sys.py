"""The guards with the pattern detector."""

from __future__ import annotations

from functools import cache

from orchstack.guard_sys.detectors.patterns import PatternDetector
from orchstack.guard_sys.service import GuardSystem


@cache
def guard_system() -> GuardSystem:
    """What checks text on its way in and out."""
    return GuardSystem(PatternDetector())
