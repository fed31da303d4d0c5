"""A run as it is watched: text to standard output, what the agent does to standard error."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from orchstack.cli.output import duration, money

if TYPE_CHECKING:
    from orchstack.sdk import RunEvent

MAX_SHOWN = 200
Channel = Literal["text", "doing", "trouble"]


@dataclass(frozen=True)
class Said:
    """A piece of what is shown."""

    channel: Channel
    text: str


@dataclass
class Watch:
    """Turns a run's events into what a person wants to see of them."""

    _open_line: bool = False
    _calls: dict[str, str] = field(default_factory=dict)

    def see(self, event: RunEvent) -> Iterator[Said]:
        """Give what an event is shown as; some are not shown."""
        if event.name == "text.delta":
            text = str(event.data["text"])
            self._open_line = not text.endswith("\n")
            yield Said("text", text)
            return
        lines = list(self._lines(event.name, event.data))
        if lines and self._open_line:
            self._open_line = False
            yield Said("text", "\n")
        for channel, line in lines:
            yield Said(channel, line + "\n")

    def _lines(self, name: str, data: Mapping[str, Any]) -> Iterator[tuple[Channel, str]]:
        if name == "model.started" and data.get("attempt", 1) > 1:
            yield "trouble", "! the model is asked again: forget its last words"
        elif name == "model.completed":
            yield from self._model(data)
        elif name == "tool.started":
            self._calls[data["call_id"]] = f"{data['name']}({arguments(data['arguments'])})"
        elif name == "tool.completed":
            call = self._calls.get(data["call_id"], data["name"])
            mark = "✗" if data["is_error"] else "⚙"
            yield "doing", f"{mark} {call} → {short(data['content'])}"
        elif name in ("run.completed", "run.failed", "run.cancelled"):
            yield from _end(data)
        else:
            yield from _aside(name, data)

    def _model(self, data: Mapping[str, Any]) -> Iterator[tuple[Channel, str]]:
        usage = data["usage"]
        tokens = f"{usage['input_tokens']} + {usage['output_tokens']} tokens"
        yield "doing", f"◆ {data['model']}: {tokens}, {money(data['cost_micro_usd'])}"


def _aside(name: str, data: Mapping[str, Any]) -> Iterator[tuple[Channel, str]]:
    """Tell what is neither a model's nor a tool's: a guard, a human, another agent."""
    if name == "guard.decided" and data["outcome"] != "allowed":
        counted = ", ".join(f"{n} {kind}" for kind, n in data["findings"].items())
        yield "doing", f"⛨ {data['stage']} {data['outcome']}{counted and f': {counted}'}"
    elif name == "run.waiting":
        yield "doing", f"? {short(data['question'])}"
    elif name == "agent.changed":
        yield "doing", f"→ {data['agent']} takes over"


def _end(run: Mapping[str, Any]) -> Iterator[tuple[Channel, str]]:
    if run["error"]:
        yield "trouble", f"✗ {run['error']['code']}: {run['error']['detail']}"
    elif run["finish_reason"] != "answered":
        yield "trouble", f"! the answer is incomplete: {run['finish_reason']}"
    usage = run["usage"]
    facts = (
        f"{run['agent']} v{run['version']}",
        f"{usage['input_tokens']} + {usage['output_tokens']} tokens",
        money(run["cost_micro_usd"]),
        duration(run["latency_ms"]["total"]),
        f"run {run['id']}",
    )
    yield "doing", " · ".join(facts)


def arguments(given: Mapping[str, Any]) -> str:
    """Write a tool's arguments as a call has them."""
    return short(", ".join(f"{name}={json.dumps(value)}" for name, value in given.items()))


def short(text: str) -> str:
    """Write a text on one line, cut where it gets long."""
    line = " ".join(text.split())
    return line if len(line) <= MAX_SHOWN else f"{line[:MAX_SHOWN]}…"
