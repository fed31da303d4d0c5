"""The JSON in an answer, and whether it fits."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchstack.agent_runtime.driver.judging import verdicts
from orchstack.agent_runtime.loop.structure import NoJson, bare, read
from orchstack.agent_runtime.model.steps import GuardOutcome, GuardWork, ModelWork, Step
from orchstack.kernel.chat import ToolCall
from tests.make import agent_document

SCHEMA = {
    "type": "object",
    "properties": {"lines": {"type": "array", "items": {"type": "integer"}}},
    "required": ["lines"],
}


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}',
        '  {"a": 1}\n',
        '```json\n{"a": 1}\n```',
        '```\n{"a": 1}```',
        '\n```JSON \n{"a": 1}\n\n```\n',
        '```json\r\n{"a": 1}\r\n```',
    ],
)
def test_a_code_fence_is_taken_off(text: str) -> None:
    """Models put one around JSON however often they are told not to."""
    assert ('{"a": 1}', {"a": 1}) == (bare(text), read(text))


@pytest.mark.parametrize("text", ["", "Here: {}", "{", "NaN", '{"a": 1, "a": 2}', "[" * 99, "```"])
def test_what_is_no_json_is_said_to_be_none(text: str) -> None:
    """Strictly, since it is kept and given to programs."""
    with pytest.raises(NoJson, match="The answer"):
        read(text)


@given(text=st.text(alphabet="` \n\tjson{}", max_size=300))
def test_any_text_has_its_bare_form(text: str) -> None:
    """Taking the fence off never fails, and never adds anything."""
    assert bare(text) in text


def judged(text: str, schema: dict[str, Any] | None = None, **work: Any) -> tuple[GuardWork, ...]:
    """The verdict on an answer."""
    given = {"model": "m", "text": text, "finish_reason": "stop", **work}
    at = datetime(2026, 1, 1, tzinfo=UTC)
    step = Step(seq=7, work=ModelWork.model_validate(given), started_at=at, finished_at=at)
    return verdicts(agent_document(output_schema=schema or SCHEMA), step)


def test_a_fitting_answer_is_allowed() -> None:
    """The verdict names the step it is about."""
    (verdict,) = judged('```\n{"lines": [1, 2]}\n```')

    assert (GuardOutcome.ALLOWED, 7, "") == (verdict.outcome, verdict.concerns, verdict.detail)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"lines": [1, "2"]}', '/lines/1: "2" is not of type "integer"'),
        ("{}", 'the whole: "lines" is a required property'),
        ("Sorry.", "The answer is no JSON"),
    ],
)
def test_a_misfit_is_named_with_its_place(text: str, words: str) -> None:
    """So that the model can mend it."""
    (verdict,) = judged(text)

    assert GuardOutcome.BLOCKED is verdict.outcome
    assert words in verdict.detail


def test_a_schema_that_cannot_be_used_is_said_to_be_none() -> None:
    """It cannot be published; a run would end, not break."""
    (verdict,) = judged("{}", {"type": "nothing"})

    assert "cannot be used: /type" in verdict.detail


@pytest.mark.parametrize(
    "work",
    [
        {"tool_calls": (ToolCall(id="c", name="t"),), "finish_reason": "tool_calls"},
        {"finish_reason": "content_filter"},
        {"finish_reason": None},
    ],
)
def test_only_answers_are_judged(work: dict[str, Any]) -> None:
    """Not the words beside a wish for tools, and not what the provider held back."""
    assert () == judged("no JSON", **work)
