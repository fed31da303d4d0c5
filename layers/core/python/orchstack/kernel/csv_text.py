"""Tables as CSV (RFC 4180) that a spreadsheet may open: no cell of text is taken for a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

MEDIA_TYPE: Final = "text/csv"
# What begins a formula, at least in one spreadsheet: https://owasp.org/www-community/attacks/
# CSV_Injection. The quote makes it text; numbers stay numbers, also negative ones.
_FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r")

Cell = object


def write(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """Write a table below its header line (none, without columns); None is an empty cell."""
    text = io.StringIO()
    lines = csv.writer(text)
    if columns:
        lines.writerow(columns)
    lines.writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue()


def _cell(value: Cell) -> str | int | float:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case int() | float():
            return value
        case datetime():
            return value.isoformat()
        case _:
            text = str(value)
            return f"'{text}" if text.startswith(_FORMULAS) else text
