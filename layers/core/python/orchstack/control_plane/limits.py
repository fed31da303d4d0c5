"""Token buckets: how many requests pass, and how the answer says so (RateLimit fields, draft 11).

A bucket holds one minute's quota q and refills evenly: in any t seconds at most q + t * q/60 pass.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from orchstack.control_plane.model.tenants import Allowance

WINDOW_S: Final = 60


@dataclass(frozen=True)
class Bucket:
    """A bucket as its store last left it: `tokens` at `at` (Unix time in seconds)."""

    tokens: float
    at: float

    def refilled(self, quota: int, now: float) -> Bucket:
        """Let the time since `at` flow in; a clock that went back adds nothing."""
        elapsed = max(0.0, now - self.at)
        return Bucket(
            min(float(quota), self.tokens + elapsed * quota / WINDOW_S), max(now, self.at)
        )


def take(allowances: Sequence[Allowance]) -> tuple[bool, tuple[Allowance, ...]]:
    """Take one token of every bucket, or of none if one is short."""
    if any(allowance.tokens < 1 for allowance in allowances):
        return False, tuple(allowances)
    return True, tuple(
        allowance.model_copy(update={"tokens": allowance.tokens - 1}) for allowance in allowances
    )


def retry_after_s(allowances: Sequence[Allowance]) -> int:
    """Give the whole seconds until one request passes every bucket."""
    return max(_seconds(allowance, until=1) for allowance in allowances)


def headers(allowances: Sequence[Allowance]) -> dict[str, str]:
    """Give the fields `RateLimit-Policy` and `RateLimit`; `t` is the time to a full bucket."""
    return {
        "RateLimit-Policy": ", ".join(f'"{a.name}";q={a.quota};w={WINDOW_S}' for a in allowances),
        "RateLimit": ", ".join(
            f'"{a.name}";r={math.floor(a.tokens)};t={_seconds(a, until=a.quota)}'
            for a in allowances
        ),
    }


def _seconds(allowance: Allowance, *, until: int) -> int:
    return math.ceil(max(0.0, until - allowance.tokens) * WINDOW_S / allowance.quota)
