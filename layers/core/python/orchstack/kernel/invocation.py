"""What Lambda tells of an invocation."""

from __future__ import annotations

import time
from typing import Protocol


class LambdaContext(Protocol):
    """What is used of the context that Lambda hands to a handler."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda ends the invocation."""


def deadline_of(context: LambdaContext) -> float:
    """Give the Unix time in seconds at which Lambda ends the invocation."""
    return time.time() + context.get_remaining_time_in_millis() / 1000
