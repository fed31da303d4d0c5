"""What the guards speak of: what was found where, and a text that passed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """What was found; its placeholder is the word in brackets: `[EMAIL]`."""

    EMAIL = "EMAIL"
    PHONE = "PHONE"
    CARD = "CARD"
    IBAN = "IBAN"
    SSN = "SSN"
    IP_ADDRESS = "IP_ADDRESS"
    SECRET = "SECRET"  # noqa: S105 - the name of a kind, no secret

    @property
    def placeholder(self) -> str:
        """What stands in the text instead."""
        return f"[{self.value}]"


@dataclass(frozen=True)
class Span:
    """Where something was found: from `start` (included) to `end` (excluded), in characters."""

    start: int
    end: int
    kind: Kind


@dataclass(frozen=True)
class Checked:
    """A text that passed, with placeholders; `findings` counts by kind, never says what it was."""

    text: str
    findings: Mapping[str, int] = field(default_factory=dict)
