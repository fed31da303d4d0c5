"""`orchstack runs steps|watch|replay|fork|diff|erase`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.cli.kit import AT, Answer, Api, page, problem, run, stream

FORK = "POST /v1/runs/r-1/fork"
USAGE = {"input_tokens": 40, "output_tokens": 7}
FIGURE = {"name": "cost_micro_usd", "a": 123, "b": 456}


def step(seq: int, work: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A step that is over."""
    given = {
        "seq": seq,
        "kind": work["kind"],
        "status": "finished",
        "work": work,
        "usage": USAGE,
        "cost_micro_usd": 123,
        "started_at": AT,
        "finished_at": AT,
        "recorded": False,
    }
    return given | changes


WAITED = {"kind": "wait", "question": "May I?", "answer": "Yes.", "expired": False}
HANDED = {"kind": "handoff", "agent": "clerk", "reason": "sums", "refusal": None}


def test_steps_are_listed() -> None:
    """Each in one line; those that a fork took over say so."""
    listed = page(step(1, WAITED, recorded=True), step(2, HANDED))
    lines = Api({"GET /v1/runs/r-1/steps": listed}).run("runs", "steps", "r-1").output.splitlines()

    assert "May I? → Yes." in lines[1]
    assert "recorded" in lines[1]
    assert "to clerk: sums" in lines[2]
    assert "finished" in lines[2]


@pytest.mark.parametrize(
    ("last", "exit_code"), [("run.completed", 0), ("run.failed", 1), ("run.cancelled", 1)]
)
def test_a_run_is_watched_to_its_end(last: str, exit_code: int) -> None:
    """From the event that is named on; how it ended is the exit code."""
    told = stream(
        ("run.waiting", {"question": "May I?"}),
        ("agent.changed", {"agent": "clerk"}),
        (last, run()),
    )
    api = Api({"GET /v1/runs/r-1/events": told})
    result = api.run("runs", "watch", "r-1", "--after", "0.1.0", "--type", "run.waiting")

    assert exit_code == result.exit_code
    assert "? May I?\n→ clerk takes over\n" in result.stderr
    assert "after=0.1.0&types=run.cancelled" in api.requests[0].url


def report(difference: Any = None) -> Answer:
    """What a replay came to."""
    decision = {"seq": 2, "kind": "model", "digest": "a" * 64}
    given = {"identical": difference is None, "decisions": [decision], "digest": "b" * 64}
    return 200, {**given, "first_difference": difference}


def test_a_replay_says_whether_all_is_decided_as_it_was() -> None:
    """A difference is told, and is exit code 1."""
    path = "POST /v1/runs/r-1/replay"
    same = Api({path: report()}).run("runs", "replay", "r-1")
    other = {"seq": 2, "recorded": {"kind": "model"}, "decided": {"kind": "finish"}}
    differing = Api({path: report(other)}).run("runs", "replay", "r-1")

    assert (0, f"1 decisions, all as recorded: {'b' * 64}\n") == (same.exit_code, same.stdout)
    assert 1 == differing.exit_code
    assert "Step 2 is decided otherwise" in differing.output


def test_a_fork_is_watched() -> None:
    """What is changed is sent, and the new run is shown as it happens."""
    api = Api({FORK: stream(("text.delta", {"text": "392."}), ("run.completed", run()))})
    result = api.run(
        "runs", "fork", "r-1", "--from-step", "4", "--tool-result", "392", "--model", "a/b"
    )

    assert (0, "392.\n") == (result.exit_code, result.stdout)
    assert "stream" == api.sent()["mode"]
    assert (4, "a/b", "392") == (
        api.sent()["from_step"],
        api.sent()["model"],
        api.sent()["tool_result"]["content"],
    )


def test_a_fork_may_go_on_in_the_background() -> None:
    """Its id is told, and how to follow it."""
    api = Api({FORK: (202, run(id="r-2", status="queued"))})
    result = api.run("runs", "fork", "r-1", "--from-step", "2", "--background")

    assert "orchstack runs watch r-2" in result.stdout
    assert {"from_step": 2, "mode": "background"} == api.sent()


def diff(**changes: Any) -> Answer:
    """Two runs that part at the result of a tool."""
    change = {"field": "content", "a": "391", "b": "392", "diff": ["-391", "+392"]}
    guard = {"a": 1, "b": 1, "kind": "guard", "name": "input", "same": True}
    tool = {"a": 3, "b": 3, "kind": "tool", "name": "calculator", "same": False}
    steps = [
        {**guard, "changes": [], "measures": []},
        {**tool, "changes": [change], "measures": [FIGURE]},
        {**tool, "a": None, "b": 4, "changes": [], "measures": []},
    ]
    given = {
        "a": run(),
        "b": run(id="r-2"),
        "same": False,
        "origins": [],
        "steps": steps,
        "first_divergence": steps[1],
        "output": ["-It is 391.", "+It is 392."],
        "totals": [FIGURE],
    }
    return 200, given | changes


def test_runs_are_shown_side_by_side() -> None:
    """Step by step, with what differs in each, where they part, and what they took."""
    api = Api({"GET /v1/runs/r-1/diff": diff()})
    output = api.run("runs", "diff", "r-1", "r-2").output
    lines = [line.split() for line in output.splitlines()]

    assert ["=", "1", "guard", "input", "1", "guard", "input"] in lines
    assert ["content:", "391", "content:", "392"] in lines
    assert ["±", "-", "4", "tool", "calculator"] in lines
    assert "cost_micro_usd: $0.000123" in output
    assert "They part at step 3 of A and step 3 of B: tool calculator" in output
    assert "other=r-2" in api.requests[0].url


def test_erasing_asks_first() -> None:
    """Unless it is told not to."""
    api = Api({"DELETE /v1/runs/r-1": (200, run(output=""))})
    refused = api.run("runs", "erase", "r-1", stdin="n\n")
    sent = len(api.requests)
    erased = api.run("runs", "erase", "r-1", "--yes")

    assert (1, 0) == (refused.exit_code, sent)
    assert "The texts of run r-1 are erased." in erased.stdout


@pytest.mark.parametrize(
    ("route", "words", "answer"),
    [
        ("GET /v1/runs/r-1/steps", ("steps", "r-1"), page(step(1, WAITED))),
        ("POST /v1/runs/r-1/replay", ("replay", "r-1"), report()),
        ("GET /v1/runs/r-1/diff", ("diff", "r-1", "r-2"), diff()),
        ("DELETE /v1/runs/r-1", ("erase", "r-1", "-y"), (200, run())),
    ],
)
def test_programs_get_the_answer_as_it_is(
    route: str, words: tuple[str, ...], answer: Answer
) -> None:
    """--json prints the JSON of the API."""
    result = Api({route: answer}).run("runs", *words, "--json")
    body = answer[1]

    assert body.get("items", body) == json.loads(result.stdout)


def test_an_erased_run_is_told() -> None:
    """With the server's own words."""
    gone = (410, problem(410, "gone"))
    result = Api({"POST /v1/runs/r-1/replay": gone}).run("runs", "replay", "r-1")

    assert 1 == result.exit_code
    assert "code gone" in result.stderr
