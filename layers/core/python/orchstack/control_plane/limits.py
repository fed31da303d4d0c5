"""Token buckets: how many requests are let through, and how the answer says so (RateLimit fields, draft 11).

A bucket holds one minute's allowance and refills evenly, so in any t seconds at most q + q/60 × t requests pass.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

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


@dataclass(frozen=True)
class Allowance:
    """What one policy has left after a request: `name` as in the header, `quota` a minute."""

    name: str
    quota: int
    tokens: float

    @property
    def seconds_to_full(self) -> int:
        """Whole seconds until the bucket is full again."""
        return math.ceil((self.quota - self.tokens) * WINDOW_S / self.quota)

    @property
    def seconds_to_next(self) -> int:
        """Whole seconds until one request passes; 0 if one passes now."""
        return math.ceil(max(0.0, 1 - self.tokens) * WINDOW_S / self.quota)


def take(allowances: Sequence[Allowance]) -> tuple[bool, tuple[Allowance, ...]]:
    """Take one token of every bucket, or of none if one is short."""
    if any(allowance.tokens < 1 for allowance in allowances):
        return False, tuple(allowances)
    return True, tuple(
        Allowance(allowance.name, allowance.quota, allowance.tokens - 1) for allowance in allowances
    )


def headers(allowances: Sequence[Allowance]) -> dict[str, str]:
    """Give the `RateLimit-Policy` and `RateLimit` header fields."""
    return {
        "RateLimit-Policy": ", ".join(f'"{a.name}";q={a.quota};w={WINDOW_S}' for a in allowances),
        "RateLimit": ", ".join(
            f'"{a.name}";r={math.floor(a.tokens)};t={a.seconds_to_full}' for a in allowances
        ),
    }
