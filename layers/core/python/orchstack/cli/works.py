"""What a step did, in one line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchstack.cli.asking import arguments, short


def what(work: Mapping[str, Any]) -> str:
    """Write a step's work: what was called or asked, and what came of it."""
    match work["kind"]:
        case "model":
            wished = ", ".join(call["name"] for call in work["tool_calls"])
            said = f"calls {wished}" if wished else short(work["text"])
            return f"{work['served_by'] or work['model']}: {said}"
        case "tool":
            call = work["call"]
            return f"{call['name']}({arguments(call['arguments'])}) → {short(work['content'])}"
        case "wait":
            nothing = "nobody answered" if work["expired"] else "…"
            return f"{short(work['question'])} → {short(work['answer']) or nothing}"
        case "handoff":
            return f"to {work['agent']}: {short(work['refusal'] or work['reason'])}"
        case "guard":
            found = ", ".join(f"{n} {kind}" for kind, n in work["findings"].items())
            return f"{work['stage']} {work['outcome']}" + (f": {found}" if found else "")
        case _:
            return str(work.get("reason", ""))
