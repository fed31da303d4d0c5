"""A share of sessions, as a person writes it: `10%` or `0.1`."""

from __future__ import annotations

import re

import typer

_WRITTEN = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(%?)")


def share(text: str) -> float:
    """Read a share above 0, at most 1; anything else is a wrong command line."""
    written = _WRITTEN.fullmatch(text.strip())
    found = 0.0 if written is None else float(written[1]) / (100 if written[2] else 1)
    if not 0 < found <= 1:
        raise typer.BadParameter(f"{text!r} is no share; write 10% or 0.1")
    return found


def shown(found: float) -> str:
    """Write a share in percent."""
    return f"{found * 100:.4g} %"
