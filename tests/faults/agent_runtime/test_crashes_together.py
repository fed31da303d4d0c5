"""A run survives every death also where tools work at once and agents work together."""

from __future__ import annotations

import pytest

from orchstack.agent_runtime.model.steps import HandoffWork, RunStatus, ToolWork
from tests.contract.agent_runtime.test_agents_together import add, link
from tests.contract.agent_runtime.worlds import Stage, lapse, says, wishes
from tests.faults.agent_runtime.conftest import MakeStage
from tests.faults.agent_runtime.crashes import Fuse, Killed, bury, fragile
from tests.faults.agent_runtime.test_crashes import Carry, by_commands, by_retry, only_run

SCHEMA = {"type": "object", "properties": {"sum": {"type": "integer"}}, "required": ["sum"]}
TOOLS = ("calculator", "note")


def together(make_stage: MakeStage) -> Stage:
    """Three tools, of which two are ordered, an agent that is asked, one that takes over."""
    wanted = wishes(
        ("note", {"n": 1}),
        ("ask_helper", {"input": "Help."}),
        ("note", {"n": 2}),
        ("calculator", {}),
        ("hand_off_to_closer", {"reason": "The end."}),
    )
    order = [{"first": "note", "then": "note"}]
    links = (*link("tool", "helper"), *link("handoff", "closer"))
    stage = make_stage([wanted], tools=TOOLS, tool_order=order, agents=links)
    stage.tools.functions = {"note": lambda call: str(call.arguments), "calculator": lambda _: "0"}
    add(stage, "helper", (wishes(("note", {"n": 3})), says("Helped.")), tools=("note",))
    script = (says("-"), says("No JSON."), says('{"sum": 391}'))
    add(stage, "closer", script, output_schema=SCHEMA, tools=())
    return stage.lasting(0.03)


def assert_whole(stage: Stage) -> None:
    """One run with one child, all done, each effect once, in the order that was declared."""
    run_id = only_run(stage)
    assert run_id is not None
    detail = stage.records.detail(stage.tenant_id, run_id)
    works = [step.work for step in detail.steps]
    tools = [work for work in works if isinstance(work, ToolWork)]
    (child,) = stage.world.journal.children(stage.tenant_id, run_id)

    assert (RunStatus.COMPLETED, {"sum": 391}) == (detail.status, detail.structured)
    assert list(range(1, len(works) + 1)) == [step.seq for step in detail.steps]
    assert {"finished"} == {step.status for step in detail.steps}
    assert ["note", "ask_helper", "calculator", "note"] == [work.call.name for work in tools]
    assert ["{'n': 1}", "Helped.", "0", "{'n': 2}"] == [work.content for work in tools]
    assert ("Helped.", 1) == (child.output, sum(isinstance(w, HandoffWork) for w in works))
    # Two notes and a sum of the run, a note of the child.
    assert 4 == len(stage.tools.effects) == len(set(stage.tools.called))


def dies(stage: Stage, carry: Carry, strike_at: int) -> bool:
    """Carry the run on in a process that dies; False if it came to the end first."""
    try:
        carry(fragile(stage, Fuse(strike_at)))
    except Killed:
        bury()
        return True
    return False


@pytest.mark.parametrize("resume", [by_retry, by_commands])
@pytest.mark.parametrize("carry", [by_retry, by_commands])
def test_every_death_is_survived(make_stage: MakeStage, carry: Carry, resume: Carry) -> None:
    """Between any two results of tools, inside the child, at the hand-off, at the repair."""
    deaths, stage = 0, together(make_stage)
    while dies(stage, carry, deaths + 1):
        lapse(stage)
        resume(stage)
        assert_whole(stage)
        deaths, stage = deaths + 1, together(make_stage)
    assert_whole(stage)

    assert deaths > 40
