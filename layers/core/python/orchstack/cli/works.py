"""What a step did, in one line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from orchstack.cli.asking import arguments, short

Work = Mapping[str, Any]


def what(work: Work) -> str:
    """Write a step's work: what was called or asked, and what came of it."""
    kind = work["kind"]
    return _SAID[kind](work) if kind in _SAID else str(work.get("reason", ""))


def _model(work: Work) -> str:
    wished = ", ".join(call["name"] for call in work["tool_calls"])
    said = f"calls {wished}" if wished else short(work["text"])
    return f"{work['served_by'] or work['model']}: {said}"


def _tool(work: Work) -> str:
    call = work["call"]
    return f"{call['name']}({arguments(call['arguments'])}) → {short(work['content'])}"


def _wait(work: Work) -> str:
    nothing = "nobody answered" if work["expired"] else "…"
    return f"{short(work['question'])} → {short(work['answer']) or nothing}"


def _handoff(work: Work) -> str:
    return f"to {work['agent']}: {short(work['refusal'] or work['reason'])}"


def _guard(work: Work) -> str:
    found = ", ".join(f"{n} {kind}" for kind, n in work["findings"].items())
    return f"{work['stage']} {work['outcome']}" + (f": {found}" if found else "")


_SAID: Final[Mapping[str, Callable[[Work], str]]] = {
    "model": _model,
    "tool": _tool,
    "wait": _wait,
    "handoff": _handoff,
    "guard": _guard,
}
