"""`orchstack runs context`."""

from __future__ import annotations

import json
from typing import Any

from tests.unit.cli.kit import Api, problem

PATH = "GET /v1/runs/r-1/steps/4/context"
HASH = "a" * 64


def part(section: str, source: str, tokens: int, text: str) -> dict[str, Any]:
    """A part with one message."""
    said = {"role": "user", "content": text}
    return {
        "section": section,
        "source": source,
        "tokens": tokens,
        "hash": HASH,
        "messages": [said],
        "tools": [],
    }


CONTEXT = {
    "run_id": "r-1",
    "step": 4,
    "hash": HASH,
    "model": "openai/gpt-5-mini",
    "tokenizer": "o200k_base",
    "factor": 1.0,
    "budget": 2_000,
    "tokens": 1_000,
    "reported_tokens": 1_010,
    "prefix_tokens": 900,
    "sections": {"history": 750, "input": 250},
    "parts": [
        part("history", "messages 3-4", 750, "What was\nsaid"),
        {**part("tools", "1 tool", 0, ""), "tools": [{"name": "calculator"}], "messages": []},
        part("input", "input", 250, "And now?"),
    ],
    "left_out": [
        {"section": "history", "source": "messages 1-2", "tokens": 80, "reason": "summarised"},
        {"section": "turns", "source": "step 2", "tokens": 900, "reason": "cleared"},
    ],
}


def test_a_context_is_drawn() -> None:
    """How full it was and of what, and each part in a line."""
    output = Api({PATH: (200, CONTEXT)}).run("runs", "context", "r-1", "4").output

    assert "1,000 tokens (o200k_base)" in output
    assert "50% of the 2,000" in output
    assert "90% of it is the beginning of the call before" in output
    assert "█" in output
    assert "What was said" in output
    assert "calculator" in output


def test_what_was_left_out_is_said_with_the_reason() -> None:
    """By the words of people."""
    lines = Api({PATH: (200, CONTEXT)}).run("runs", "context", "r-1", "4").output.splitlines()
    found = [line for line in lines if "messages 1-2" in line or "step 2" in line]

    assert "its first sentences stand for it" in found[0]
    assert "cleared, a placeholder stands for it" in found[1]


def test_all_words_are_shown_on_demand() -> None:
    """Not only the beginning of each part."""
    output = Api({PATH: (200, CONTEXT)}).run("runs", "context", "r-1", "4", "--full").output

    assert "user (messages 3-4)\nWhat was\nsaid" in output


def test_programs_get_json() -> None:
    """As the API answered."""
    result = Api({PATH: (200, CONTEXT)}).run("runs", "context", "r-1", "4", "--json")

    assert CONTEXT == json.loads(result.output)


def test_a_step_without_a_model_is_told() -> None:
    """The API says why."""
    api = Api({PATH: (404, problem(404, "not_found"))})

    assert 0 != api.run("runs", "context", "r-1", "4").exit_code
