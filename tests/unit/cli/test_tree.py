"""`orchstack runs show --tree`: a run, its steps, and the runs below them."""

from __future__ import annotations

from typing import Any

import pytest

from orchstack.cli.waterfall import WIDTH, bar
from tests.unit.cli.kit import Api, run

ENDED = "2026-01-01T00:00:01.000Z"
CALL = {"id": "c1", "name": "ask_expert", "arguments": {"input": "17 * 23"}}


def step(seq: int, tenths: tuple[int, int], **work: Any) -> dict[str, Any]:
    """A step that lasted from one tenth of the second to another."""
    tokens = 7 if work["kind"] == "model" else 0
    return {
        "seq": seq,
        "kind": work["kind"],
        "status": "finished",
        "work": work,
        "usage": {"input_tokens": 2 * tokens, "output_tokens": tokens},
        "cost_micro_usd": 12 if tokens else 0,
        "started_at": f"2026-01-01T00:00:00.{tenths[0]}00Z",
        "finished_at": f"2026-01-01T00:00:00.{tenths[1]}00Z",
    }


def model(text: str, **more: Any) -> dict[str, Any]:
    """A call of a model."""
    given = {"model": "default", "served_by": "gpt-5", "text": text, "tool_calls": []}
    return {"kind": "model", **given, **more}


GUARD = {"kind": "guard", "stage": "input", "outcome": "redacted", "findings": {"EMAIL": 1}}
STEPS = [
    step(1, (0, 1), **GUARD),
    step(2, (1, 4), **model("", tool_calls=[CALL])),
    step(3, (4, 9), kind="tool", call=CALL, content="391", child_run_id="r-2", is_error=False),
]
CHILD_STEPS = [
    step(1, (5, 6), **model("[bold]391[/bold]")),
    step(2, (6, 7), **model("", fault={"code": "no_provider_available", "detail": "…"})),
]


@pytest.fixture
def lines() -> list[str]:
    """What is drawn of a run with another below it."""
    child = run(id="r-2", agent="expert", variant="canary", steps=CHILD_STEPS, finished_at=ENDED)
    answers = {
        "GET /v1/runs/r-1": (200, run(steps=STEPS, finished_at=ENDED)),
        "GET /v1/runs/r-2": (200, child),
    }
    return Api(answers).run("runs", "show", "r-1", "--tree").output.splitlines()


def line(lines: list[str], words: str) -> str:
    """The line of the tree that holds these words."""
    (found,) = [text for text in lines if words in text and "Output:" not in text]
    return found


def test_a_run_below_hangs_at_the_step_that_asked_for_it(lines: list[str]) -> None:
    """Each level further to the right, in the order of the steps."""
    asked, below, inside = (
        line(lines, words) for words in ("ask_expert(", "● expert v2 (canary)", "[bold]391")
    )

    assert lines.index(asked) + 1 == lines.index(below) == lines.index(inside) - 1
    assert asked.index("⚙") < below.index("●") < inside.index("◆")


def test_a_step_shows_when_how_long_and_how_much(lines: list[str]) -> None:
    """Its bar stands where it stood in the whole run; tokens and cost beside it."""
    first, second = line(lines, "1 guard"), line(lines, "calls ask_expert")

    assert second.index("█") > first.index("█")
    assert "300.0 ms · $0.000012 · 14 + 7 tokens" in second
    assert "input redacted: 1 EMAIL" in first


def test_trouble_is_named(lines: list[str]) -> None:
    """By a mark and its code."""
    assert "✗ 2 model" in line(lines, "no_provider_available")


def test_a_run_under_way_is_drawn_too() -> None:
    """What has not ended says so."""
    open_step = {**step(1, (0, 1), **model("")), "finished_at": None, "status": "started"}
    under_way = run(status="running", finish_reason=None, finished_at=None, steps=[open_step])
    output = Api({"GET /v1/runs/r-1": (200, under_way)}).run("runs", "show", "r-1", "--tree")

    assert "under way" in line(output.output.splitlines(), "1 model")


@pytest.mark.parametrize(
    ("offset", "length", "whole"), [(0, 100, 100), (99, 1, 100), (100, 0, 100), (0, 0, 0)]
)
def test_a_bar_stays_in_its_column_and_can_be_seen(offset: int, length: int, whole: int) -> None:
    """Also for the shortest part, at the very end, of a whole that took no time."""
    drawn = bar(offset, length, whole)

    assert WIDTH == len(drawn)
    assert drawn.strip()
