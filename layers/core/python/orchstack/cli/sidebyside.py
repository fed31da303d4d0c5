"""Two runs side by side, as a person wants to read them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from orchstack.cli.asking import short
from orchstack.cli.output import NONE, duration, money

if TYPE_CHECKING:
    from orchstack.sdk import RunDiff

Look = Literal["same", "changed", "missing"]
Pair = Mapping[str, Any]
_MARKS: dict[Look, str] = {"same": "=", "changed": "≠", "missing": "±"}


@dataclass(frozen=True)
class Line:
    """A line of the comparison: what stands on either side, and how it is to be looked at."""

    mark: str
    a: str
    b: str
    look: Look


def lines(diff: RunDiff) -> Iterator[Line]:
    """Give what the runs were made with where it differs, then step by step."""
    for change in diff.origins:
        yield Line("≠", _side(change, "a"), _side(change, "b"), "changed")
    for pair in diff.steps:
        yield from _step(pair)


def totals(diff: RunDiff) -> Iterator[tuple[str, str, str]]:
    """Give the figures of both runs, by name."""
    for figure in diff.totals:
        name = str(figure["name"])
        yield name, _figure(name, figure["a"]), _figure(name, figure["b"])


def _step(pair: Pair) -> Iterator[Line]:
    look: Look = "same" if pair["same"] else "changed"
    if pair["a"] is None or pair["b"] is None:
        look = "missing"
    name = f"{pair['kind']} {pair['name']}".strip()
    heads = [NONE if pair[side] is None else f"{pair[side]} {name}" for side in ("a", "b")]
    yield Line(_MARKS[look], heads[0], heads[1], look)
    for change in pair["changes"]:
        yield Line("", f"  {_side(change, 'a')}", f"  {_side(change, 'b')}", "changed")
    for figure in pair["measures"]:
        told = [f"  {figure['name']}: {_figure(figure['name'], figure[s])}" for s in ("a", "b")]
        yield Line("", told[0], told[1], "same")


def _side(change: Pair, side: str) -> str:
    value = change[side]
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"{change['field']}: {short(text)}"


def _figure(name: str, value: float) -> str:
    if name.endswith("_ms"):
        return duration(value)
    return money(int(value)) if name.endswith("_micro_usd") else str(int(value))
