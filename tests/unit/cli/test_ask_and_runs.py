"""`orchstack ask` and `orchstack runs`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.kit import Answer, Api, page, problem, run, stream

PATH = "POST /v1/agents/adder/runs"
CALL = {"step": 2, "call_id": "c1", "name": "calculator"}
MODEL = {
    "step": 1,
    "provider": "builtin",
    "model": "builtin/echo",
    "finish_reason": "stop",
    "usage": {"input_tokens": 40, "output_tokens": 7},
    "cost_micro_usd": 123,
    "error": None,
}


def answered(**changes: Any) -> Answer:
    """A run that calls a tool and answers."""
    return stream(
        ("run.started", {"run_id": "r-1", "agent": "adder", "version": 2, "session_id": None}),
        ("model.started", {"step": 1, "model": "default"}),
        ("model.completed", MODEL),
        ("tool.started", {**CALL, "arguments": {"expression": "17 * 23"}}),
        ("tool.completed", {**CALL, "is_error": False, "content": "391"}),
        ("text.delta", {"step": 3, "text": "It is "}),
        ("text.delta", {"step": 3, "text": "391."}),
        ("model.completed", {**MODEL, "step": 3}),
        ("run.completed", run(**changes)),
    )


def test_the_answer_goes_to_standard_output_alone() -> None:
    """What the agent does meanwhile goes to standard error, so that the answer can be piped."""
    result = Api({PATH: answered()}).run("ask", "adder", "17 * 23?")

    assert (0, "It is 391.\n") == (result.exit_code, result.stdout)
    assert '⚙ calculator(expression="17 * 23") → 391\n' in result.stderr
    assert "◆ builtin/echo: 40 + 7 tokens, $0.000123\n" in result.stderr
    assert (
        "adder v2 · 40 + 7 tokens · $0.000123 · 12.3 ms · run r-1\n"
        == (result.stderr.splitlines(keepends=True)[-1])
    )


def test_the_question_may_come_from_standard_input() -> None:
    """`-` reads it; session and version are passed on."""
    api = Api({PATH: answered()})
    api.run("ask", "adder", "-", "--session", "s-1", "--version", "2", stdin="17 * 23?")

    assert {"input": "17 * 23?", "mode": "stream", "session_id": "s-1", "version": 2} == api.sent()


def test_a_run_that_asks_a_human_is_left_waiting() -> None:
    """The question is shown with the command that answers it; that is no failure."""
    waiting = stream(
        ("run.started", {"run_id": "r-1", "agent": "adder", "version": 2, "session_id": None}),
        ("run.waiting", {"step": 3, "question": "May I refund 20 EUR?"}),
    )
    result = Api({PATH: waiting}).run("ask", "adder", "Refund it.")

    assert 0 == result.exit_code
    assert "? May I refund 20 EUR?" in result.stderr
    assert "orchstack runs resume last --answer" in result.stderr


def test_files_are_attached(tmp_path: Path) -> None:
    """Each goes with its name and its bytes in Base64."""
    (tmp_path / "a.txt").write_bytes(b"words")
    api = Api({PATH: answered()})
    api.run("ask", "adder", "What is it?", "--attach", str(tmp_path / "a.txt"))

    assert [{"name": "a.txt", "data": "d29yZHM="}] == api.sent()["attachments"]


def test_a_question_may_be_asked_in_the_background() -> None:
    """The answer is the run's id and how to follow it."""
    api = Api({PATH: (202, run(status="queued"))})
    result = api.run("ask", "adder", "17 * 23?", "--background")

    assert "background" == api.sent()["mode"]
    assert "orchstack runs watch r-1" in result.stdout


def test_a_failed_run_is_a_failed_command() -> None:
    """Its error is told, and the exit code is 1."""
    failed = run(status="failed", error={"code": "no_provider_available", "detail": "Try again."})
    result = Api({PATH: stream(("run.failed", failed))}).run("ask", "adder", "17 * 23?")

    assert 1 == result.exit_code
    assert "✗ no_provider_available: Try again." in result.stderr


def test_an_incomplete_answer_says_so() -> None:
    """A limit that ended the run is named."""
    result = Api({PATH: answered(finish_reason="max_steps")}).run("ask", "adder", "17 * 23?")

    assert "the answer is incomplete: max_steps" in result.stderr


def test_a_guards_decision_is_shown_if_it_did_something() -> None:
    """What was redacted is counted by kind; a guard that let pass is silent."""
    guard = {"step": 1, "stage": "input", "findings": {"email": 2}, "concerns": None}
    events = (
        ("guard.decided", {**guard, "outcome": "redacted"}),
        ("guard.decided", {**guard, "outcome": "allowed"}),
        ("run.completed", run()),
    )
    result = Api({PATH: stream(*events)}).run("ask", "adder", "x")

    assert 1 == result.stderr.count("⛨")
    assert "⛨ input redacted: 2 email" in result.stderr


def test_programs_get_one_event_a_line() -> None:
    """--json prints the run's events as they are."""
    result = Api({PATH: answered()}).run("ask", "adder", "x", "--json")
    events = [json.loads(line) for line in result.stdout.splitlines()]

    assert [f"{n}.1.0" for n in range(1, 10)] == [event["id"] for event in events]
    assert {"step": 3, "text": "391."} == events[6]["data"]


@pytest.mark.parametrize(
    ("status", "code", "exit_code", "hint"),
    [
        (401, "unauthenticated", 4, "ORCHSTACK_API_KEY"),
        (403, "forbidden", 4, "keys create"),
        (404, "not_found", 1, "Do it otherwise."),
        (503, "unavailable", 1, "Do it otherwise."),
    ],
)
def test_an_error_says_what_to_do(status: int, code: str, exit_code: int, hint: str) -> None:
    """The problem's detail, its code and request, and a hint where we have one."""
    result = Api({PATH: (status, problem(status, code))}).run("ask", "adder", "x")

    assert exit_code == result.exit_code
    assert f"code {code}, request r-1" in result.stderr
    assert hint in result.stderr


def test_runs_are_listed() -> None:
    """Id, agent, state, tokens, cost, time."""
    result = Api({"GET /v1/runs": page(run())}).run("runs", "list", "--status", "completed")

    assert "adder v2  completed  2026-01-01 00:00:00  47      $0.000123  12.3 ms" in result.output


STEPS: list[dict[str, Any]] = [
    {"kind": "guard", "stage": "input", "outcome": "allowed", "findings": {}},
    {
        "kind": "model",
        "model": "default",
        "served_by": "builtin/echo",
        "text": "",
        "tool_calls": [{"id": "c1", "name": "calculator", "arguments": {}}],
    },
    {
        "kind": "tool",
        "call": {"id": "c1", "name": "calculator", "arguments": {"expression": "17 * 23"}},
        "content": "391",
    },
    {"kind": "finish", "reason": "answered"},
]


def journaled() -> dict[str, Any]:
    """A run with steps."""
    steps = [
        {
            "seq": seq,
            "kind": work["kind"],
            "work": work,
            "usage": {"input_tokens": 0, "output_tokens": 0},
            "cost_micro_usd": 0,
        }
        for seq, work in enumerate(STEPS, 1)
    ]
    return run(steps=steps)


def test_a_run_is_shown_step_by_step() -> None:
    """Question, answer, and each step in one line."""
    output = Api({"GET /v1/runs/r-1": (200, journaled())}).run("runs", "show", "r-1").output

    assert "Input: What is 17 * 23?" in output
    assert "input allowed" in output
    assert "builtin/echo: calls calculator" in output
    assert 'calculator(expression="17 * 23") → 391' in output


def test_a_run_can_be_answered() -> None:
    """The answer is sent, and the run shown as it goes on, or what it asks next."""
    again = run(status="waiting", output="", question="And then?", finished_at=None)
    api = Api({"POST /v1/runs/r-1/resume": (202, again)})
    result = api.run("runs", "resume", "r-1", "--answer", "Yes.")

    assert 0 == result.exit_code
    assert {"mode": "background", "answer": "Yes."} == json.loads(api.requests[0].body or b"")
    assert "waiting" in result.stdout
    assert "And then?\n" in result.stdout


def test_a_run_can_be_cancelled() -> None:
    """What its model had said so far is shown."""
    api = Api({"POST /v1/runs/r-1/cancel": (200, run(status="cancelled", output="It is"))})
    result = api.run("runs", "cancel", "r-1")

    assert 0 == result.exit_code
    assert "cancelled" in result.stdout
    assert "It is\n" in result.stdout


def test_a_model_that_is_asked_again_is_told_of() -> None:
    """Its last words were lost on the way, and are said anew."""
    events = (
        ("model.started", {"step": 1, "model": "default", "attempt": 2}),
        ("run.completed", run()),
    )
    result = Api({PATH: stream(*events)}).run("ask", "adder", "x")

    assert "asked again" in result.stderr


def test_last_is_the_newest_run() -> None:
    """Nobody has to copy an id from one command to the next."""
    cancelled = run(id="r-9", status="cancelled")
    api = Api({"GET /v1/runs": page(run(id="r-9")), "POST /v1/runs/r-9/cancel": (200, cancelled)})

    result = api.run("runs", "cancel", "last")

    assert (0, True) == (result.exit_code, result.stdout.startswith("r-9"))


def test_without_a_run_there_is_no_last_one() -> None:
    """The sentence says how to make one."""
    result = Api({"GET /v1/runs": page()}).run("runs", "cancel", "last")

    assert 1 == result.exit_code
    assert "There is no run yet" in result.stderr
