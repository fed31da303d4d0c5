"""A run as a tree: its steps and the runs below them, with when, how long and how much."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from orchstack.cli.output import duration, money
from orchstack.cli.waterfall import bar
from orchstack.cli.works import what

if TYPE_CHECKING:
    from rich.tree import Tree

    from orchstack.sdk import RunDetail

# Columns of a label at the root; each level below is indented by four.
LABEL = 56
INDENT = 4
BAR = 24
MOST_RUNS = 100
_MARKS = {"model": "◆", "tool": "⚙", "guard": "⛨", "wait": "?", "handoff": "→", "finish": "■"}

Step = Mapping[str, Any]
Fetch = Callable[[str], "RunDetail"]


@dataclass
class RunTree:
    """Draws a run; the runs below it are fetched as their steps are met, a hundred at most."""

    fetch: Fetch
    began: datetime
    ended: datetime
    _left: int = MOST_RUNS

    @classmethod
    def of(cls, run: RunDetail, fetch: Fetch) -> RunTree:
        """Take the run whose time all bars are parts of; one under way lasts until now."""
        return cls(fetch, run.created_at, run.finished_at or datetime.now(UTC))

    def draw(self, run: RunDetail) -> Tree:
        """Draw the run and all below it."""
        from rich.tree import Tree

        tree = Tree(self._run_line(run, 0), guide_style="dim")
        self._branch(tree, run, 1)
        return tree

    def _branch(self, tree: Tree, run: RunDetail, depth: int) -> None:
        for step in run.steps:
            node = tree.add(self._step_line(step, depth))
            child = step["work"].get("child_run_id")
            if child and self._left > 0:
                self._left -= 1
                below = self.fetch(child)
                self._branch(node.add(self._run_line(below, depth + 1)), below, depth + 2)

    def _run_line(self, run: RunDetail, depth: int) -> str:
        variant = run.raw.get("variant")
        name = f"{run.agent} v{run.version}" + (f" ({variant})" if variant else "")
        how = run.error.code if run.error else run.finish_reason or run.status
        facts = (f"{run.usage.input_tokens} + {run.usage.output_tokens} tokens", how)
        return self._line(
            f"{'✗' if run.error else '●'} {name}",
            depth,
            (run.created_at, run.finished_at or self.ended),
            (money(run.cost_micro_usd), *facts),
            style="bold red" if run.error else "bold",
        )

    def _step_line(self, step: Step, depth: int) -> str:
        work, usage = step["work"], step["usage"]
        trouble = _trouble(work)
        began = _moment(step["started_at"])
        ended = self.ended if step["finished_at"] is None else _moment(step["finished_at"])
        tokens = usage["input_tokens"], usage["output_tokens"]
        facts = (
            money(step["cost_micro_usd"]) if step["cost_micro_usd"] else "",
            f"{tokens[0]} + {tokens[1]} tokens" if any(tokens) else "",
            "under way" if step["finished_at"] is None else "",
            trouble,
        )
        mark = "✗" if trouble else _MARKS.get(step["kind"], "·")
        label = f"{mark} {step['seq']} {step['kind']} {what(work)}"
        return self._line(label, depth, (began, ended), facts, style="red" if trouble else "")

    def _line(
        self,
        label: str,
        depth: int,
        span: tuple[datetime, datetime],
        facts: tuple[str, ...],
        *,
        style: str,
    ) -> str:
        from rich.markup import escape

        width = max(LABEL - INDENT * depth, 20)
        cut = label if len(label) <= width else f"{label[: width - 1]}…"
        took = _ms(span[1] - span[0])
        drawn = bar(_ms(span[0] - self.began), took, _ms(self.ended - self.began), BAR)
        text = escape(cut.ljust(width))
        rest = escape(" · ".join(fact for fact in (duration(took), *facts) if fact))
        return (
            f"[{style}]{text}[/] [cyan]{drawn}[/] {rest}"
            if style
            else (f"{text} [cyan]{drawn}[/] {rest}")
        )


def _trouble(work: Mapping[str, Any]) -> str:
    """What went wrong in a step, in a word; empty if nothing did."""
    if fault := work.get("fault"):
        return str(fault["code"])
    if work.get("is_error"):
        return "error" if work.get("permitted", True) else "not permitted"
    if work.get("outcome") == "blocked":
        return "blocked"
    if work.get("refusal"):
        return "refused"
    return "nobody answered" if work.get("expired") else ""


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _ms(delta: timedelta) -> float:
    return delta.total_seconds() * 1000
