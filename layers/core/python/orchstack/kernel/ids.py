"""Identifiers: UUIDv7 (RFC 9562 §5.7), so that ids sort by the millisecond they were made in."""

from __future__ import annotations

import secrets
import time
from uuid import UUID

# The text of a UUID, as a pattern of paths.
UUID_TEXT = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
_VERSION_7 = 0x7 << 76
_VARIANT_RFC = 0b10 << 62


def new_id(at_ms: int | None = None) -> UUID:
    """Make a UUIDv7 of the given Unix time in milliseconds (now, if none is given)."""
    milliseconds = time.time_ns() // 1_000_000 if at_ms is None else at_ms
    random = secrets.randbits(74)
    high, low = random >> 62, random & ((1 << 62) - 1)
    return UUID(int=(milliseconds << 80) | _VERSION_7 | (high << 64) | _VARIANT_RFC | low)


def made_at_ms(identifier: UUID) -> int | None:
    """Give the Unix time in milliseconds that a UUIDv7 was made at; None for any other UUID."""
    return identifier.int >> 80 if identifier.version == 7 else None  # noqa: PLR2004 - of the RFC
