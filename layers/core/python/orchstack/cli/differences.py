"""Plans as a person wants to read them: what is new, what changes from what to what."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from difflib import unified_diff
from typing import TYPE_CHECKING, Any, NamedTuple

from orchstack.cli.plans import Action, Plan

if TYPE_CHECKING:
    from orchstack.sdk import Change

_MAX_VALUE = 200
_CONTEXT = 2
_STYLES: dict[str, str] = {"+": "green", "-": "red", "@": "cyan", "~": "yellow", "✗": "red"}
_MARKS: dict[Action, str] = {
    "create": "+",
    "update": "~",
    "restore": "~",
    "unchanged": "=",
    "refused": "✗",
}


class Line(NamedTuple):
    """A line of a plan, and how it is to be looked at."""

    text: str
    style: str


def lines(plan: Plan) -> Iterator[Line]:
    """Give a plan's heading, its changes and its faults."""
    mark = _MARKS[plan.action]
    yield Line(f"{mark} {plan.agent or plan.document.file}: {_heading(plan)}", _style(mark))
    found = plan.validation
    for change in (found.changes if found is not None else None) or ():
        yield from _change(change)
    for fault in plan.faults:
        yield Line(f"✗ {fault.place}: {fault.path or '/'}: {fault.message}", "red")


def summary(plans: Sequence[Plan]) -> str:
    """Count what would be done."""
    words = {
        "create": "new",
        "update": "changed",
        "restore": "made live again",
        "unchanged": "unchanged",
        "refused": "refused",
    }
    counts = {word: sum(p.action == action for p in plans) for action, word in words.items()}
    return "Plan: " + ", ".join(f"{n} {word}" for word, n in counts.items() if n) + "."


def _heading(plan: Plan) -> str:
    found = plan.validation
    if found is None or plan.action == "refused":
        return "cannot be published"
    match plan.action:
        case "create":
            return "new"
        case "unchanged":
            return f"unchanged, version {found.live_version}"
        case "restore":
            return f"version {found.same_as} again, in place of version {found.live_version}"
        case _:
            return f"a new version, in place of version {found.live_version}"


def _change(change: Change) -> Iterator[Line]:
    name = change.path.removeprefix("/").replace("/", ".").replace("~1", "/").replace("~0", "~")
    if _is_text(change.before) or _is_text(change.after):
        yield Line(f"    {name}:", _style("~"))
        yield from _text(str(change.before or ""), str(change.after or ""))
    elif change.kind == "added":
        yield Line(f"  + {name}: {_value(change.after)}", _style("+"))
    elif change.kind == "removed":
        yield Line(f"  - {name}: {_value(change.before)}", _style("-"))
    else:
        yield Line(f"  ~ {name}: {_value(change.before)} → {_value(change.after)}", _style("~"))


def _text(before: str, after: str) -> Iterator[Line]:
    """A unified diff, without the names of its two sides."""
    found = unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=_CONTEXT)
    for number, line in enumerate(found):
        if number > 1:
            yield Line(f"      {line}", _style(line[:1]))


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and ("\n" in value or len(value) > _MAX_VALUE // 2)


def _value(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MAX_VALUE else f"{text[:_MAX_VALUE]}…"


def _style(mark: str) -> str:
    return _STYLES.get(mark, "")
