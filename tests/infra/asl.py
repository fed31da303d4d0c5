"""Reads a state machine's definition and finds what is broken in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

STATE_MACHINES = Path(__file__).resolve().parents[2] / "statemachines"
_ENDS = {"Succeed", "Fail"}


def tokens(text: str) -> set[str]:
    """Give the names of the `${Token}`s in a definition."""
    return set(re.findall(r"\$\{(\w+)\}", text))


def faults(machine: dict[str, Any], name: str = "machine") -> Iterator[str]:
    """Find transitions to nowhere, states nobody reaches and states that lead nowhere."""
    states: dict[str, dict[str, Any]] = machine["States"]
    reached, waiting = set[str](), [machine["StartAt"]]
    while waiting:
        state = waiting.pop()
        if state not in states:
            yield f"{name}: no state {state}"
        elif state not in reached:
            reached.add(state)
            waiting += _next(states[state])
    yield from (f"{name}: {state} is never reached" for state in sorted(set(states) - reached))
    for title, state in states.items():
        if state["Type"] not in _ENDS and not state.get("End") and not _next(state):
            yield f"{name}: {title} leads nowhere"
        for inner in _inner(state):
            yield from faults(inner, title)


def _next(state: dict[str, Any]) -> list[str]:
    branches = [state, *state.get("Choices", []), *state.get("Catch", [])]
    found = [branch["Next"] for branch in branches if "Next" in branch]
    return [*found, state["Default"]] if "Default" in state else found


def _inner(state: dict[str, Any]) -> list[dict[str, Any]]:
    return [*state.get("Branches", []), *(state[key] for key in ("ItemProcessor",) if key in state)]
