"""Writing to the terminal: tables for people, JSON for programs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

# Without a terminal nothing is cut to its width.
_WIDE = 400
_MICRO = 1_000_000
NONE = "-"


def console() -> Console:
    """Give standard output as it is now."""
    from rich.console import Console

    plain = Console(highlight=False)
    return plain if plain.is_terminal else Console(highlight=False, width=_WIDE)


def errors() -> Console:
    """Give standard error as it is now."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


def print_json(value: Any) -> None:
    """Print a JSON document for programs."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_json_line(value: Any) -> None:
    """Print one line of a stream of JSON documents, at once."""
    typer.echo(json.dumps(value, ensure_ascii=False))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, empty: str) -> None:
    """Print rows under their columns; `empty` is said where there is none."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    if table.row_count:
        console().print(table)
    else:
        typer.echo(empty)


def money(micro_usd: int) -> str:
    """Write micro-dollars as dollars, with as many digits as a single call needs."""
    if micro_usd == 0:
        return "$0"
    return f"${micro_usd / _MICRO:.6f}" if micro_usd < _MICRO else f"${micro_usd / _MICRO:,.2f}"


def short_name(deployed: str) -> str:
    """Shorten a deployed name: `OrchStack-dev-Services-RunsQueue0283FA5C` is the `RunsQueue`."""
    return re.sub(r"[0-9A-F]{8}$", "", deployed.rsplit("-", 1)[-1])


def moment(at: datetime | None) -> str:
    """Write a time in UTC, to the second."""
    return NONE if at is None else at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def duration(milliseconds: float) -> str:
    """Write a span of time with a fitting unit."""
    if milliseconds < 1_000:  # noqa: PLR2004  # a second
        return f"{milliseconds:.1f} ms"
    return f"{milliseconds / 1_000:.2f} s"
