"""Answers that have to fit a schema, over every store."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from orchstack.agent_runtime.model.runs import RunView
from orchstack.agent_runtime.model.steps import FinishReason, ModelWork, RunStatus
from orchstack.kernel.chat import Role
from tests.contract.agent_runtime.conftest import MakeStage
from tests.contract.agent_runtime.worlds import Script, key, says, wishes

SCHEMA = {"type": "object", "properties": {"sum": {"type": "integer"}}, "required": ["sum"]}
FITS, MISFITS = '{"sum": 391}', '{"sum": "391"}'


def ask(make_stage: MakeStage, script: Script, **document: Any) -> RunView:
    """Ask an agent whose answers are sums."""
    return RunView.model_validate(
        make_stage(script, output_schema=SCHEMA, **document).ask().model_dump()
    )


@pytest.mark.parametrize("said", [FITS, f"```json\n{FITS}\n```", f"\n {FITS} "])
def test_a_fitting_answer_is_given_as_json(make_stage: MakeStage, said: str) -> None:
    """Bare, whatever stood around it."""
    run = ask(make_stage, [says(said)])

    assert (RunStatus.COMPLETED, FinishReason.ANSWERED) == (run.status, run.finish_reason)
    assert (FITS, {"sum": 391}) == (run.output, run.structured)


def test_a_misfit_can_be_mended_once(make_stage: MakeStage) -> None:
    """The model is told what was wrong, and the call is marked as a repair."""
    stage = make_stage([says(MISFITS), says(FITS)], output_schema=SCHEMA)
    events = stage.stream(key=key())
    steps = stage.world.journal.steps(stage.tenant_id, UUID(events[0].data["run_id"]))
    repairs = [step.work.repair for step in steps if isinstance(step.work, ModelWork)]

    assert {"sum": 391} == events[-1].data["structured"]
    assert [False, True] == repairs
    assert '/sum: "391" is not of type "integer"' in stage.models.asked[1].messages[-1].content
    assert events == stage.stream(key=key())


def test_an_answer_that_never_fits_fails_the_run(make_stage: MakeStage) -> None:
    """With what was wrong, and with the raw text."""
    run = ask(make_stage, [says("No."), says(MISFITS)])

    assert (RunStatus.FAILED, FinishReason.INVALID_OUTPUT) == (run.status, run.finish_reason)
    assert (MISFITS, None) == (run.output, run.structured)
    assert run.error is not None
    assert "invalid_output" == run.error.code
    assert '/sum: "391" is not of type "integer"' in run.error.detail


def test_tools_come_before_the_answer(make_stage: MakeStage) -> None:
    """What is said beside a wish for a tool has to fit nothing."""
    script = [wishes(("calculator", {}), text="Let me see."), says(FITS)]

    assert {"sum": 391} == ask(make_stage, script).structured


def test_a_limit_leaves_no_time_to_mend(make_stage: MakeStage) -> None:
    """The run ends with what there is, by the limit's own reason."""
    run = ask(make_stage, [says(MISFITS), says(FITS)], limits={"max_steps": 1})

    assert (RunStatus.COMPLETED, FinishReason.MAX_STEPS) == (run.status, run.finish_reason)
    assert (MISFITS, None) == (run.output, run.structured)


def test_the_model_is_asked_for_the_schema(make_stage: MakeStage) -> None:
    """In the request, and in words for a model that cannot be bound to it."""
    stage = make_stage([says(FITS)], output_schema=SCHEMA)
    stage.ask()
    request = stage.models.asked[0]

    assert SCHEMA == request.output_schema
    assert any('"sum"' in m.content for m in request.messages if m.role is Role.SYSTEM)
