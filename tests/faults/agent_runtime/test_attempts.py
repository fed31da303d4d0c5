"""A call of a model whose answer was lost, and a step that kills its drivers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any
from uuid import UUID

import pytest

from orchstack.agent_runtime.model.events import LiveEvent, LiveEventName
from orchstack.agent_runtime.model.runs import Ask, RunDetail
from orchstack.agent_runtime.model.steps import FinishReason, ModelWork, RunStatus
from orchstack.agent_runtime.ports import Journal
from orchstack.kernel.chat import ToolCall
from orchstack.kernel.errors import Unavailable
from tests.contract.agent_runtime.worlds import ONE_TOOL, Stage, key, lapse, says
from tests.faults.agent_runtime.conftest import MakeStage
from tests.faults.agent_runtime.crashes import Fuse, Killed, fragile
from tests.faults.agent_runtime.scenarios import CutModels
from tests.faults.agent_runtime.test_crashes import only_run

PRICE = 4


def dies_over_its_model(stage: Stage) -> None:
    """Ask the agent, or take its run over, and die over the first call of the model."""
    fuse = Fuse(strike_at=10**6)
    failing = fragile(stage, fuse)
    failing.world.models.fuse = _AtTheModel(fuse)  # type: ignore[attr-defined]  # a FragileModels
    with pytest.raises(Killed):
        failing.stream(key=key())
    lapse(stage)


class _AtTheModel(Fuse):
    """Burns through when the model has said something."""

    def __init__(self, whole: Fuse) -> None:
        super().__init__(strike_at=10**6)
        self._whole = whole

    def point(self, name: str, about: str = "") -> None:
        """Die after the first event."""
        if name == "model event":
            self._whole.strike_at = 0
        self._whole.point(name, about)


def a_stage(make_stage: MakeStage, **document: object) -> Stage:
    """A stage whose leases are short and whose model has a price."""
    stage = make_stage([says("It is 391.")], **document).lasting(0.05)
    stage.models.price = PRICE
    return stage


def detail(stage: Stage) -> RunDetail:
    """The only run there is."""
    run_id = only_run(stage)
    assert run_id is not None
    return stage.records.detail(stage.tenant_id, run_id)


def first_call(stage: Stage) -> ModelWork:
    """The first call of the model."""
    works = [step.work for step in detail(stage).steps]
    return next(work for work in works if isinstance(work, ModelWork))


def test_a_call_that_is_made_again_is_another_attempt(make_stage: MakeStage) -> None:
    """It is written down before the call goes out, with the most the lost answers can have cost."""
    stage = a_stage(make_stage)
    dies_over_its_model(stage)
    dies_over_its_model(stage)
    noted = first_call(stage)
    events = stage.stream(key=key())

    assert (2, PRICE) == (noted.attempt, noted.lost_micro_usd)
    assert (3, 2 * PRICE) == (first_call(stage).attempt, first_call(stage).lost_micro_usd)
    assert (3, "It is 391.") == (len(stage.models.asked), events[-1].data["output"])
    assert 3 == detail(stage).cost_micro_usd


def test_a_caller_is_told_to_forget_what_was_lost(make_stage: MakeStage) -> None:
    """The attempt begins anew behind all that was told, and the journal tells the last one only."""
    stage = a_stage(make_stage)
    dies_over_its_model(stage)
    events = stage.stream(key=key())
    ids = [event.id for event in events]
    started = [e for e in events if e.name is LiveEventName.MODEL_STARTED]

    assert sorted(set(ids)) == ids
    assert [1, 2] == [event.data["attempt"] for event in started]
    assert "It is 391." == _text_since(events, started[-1])
    assert [e for e in events if e not in started[:1]] == stage.stream(key=key())


def _text_since(events: list[LiveEvent], start: LiveEvent) -> str:
    later = [e for e in events if e.id > start.id and e.name is LiveEventName.TEXT_DELTA]
    return "".join(event.data["text"] for event in later)


def test_lost_money_counts_against_the_budget(make_stage: MakeStage) -> None:
    """What may have been spent is not spent again: the run ends with a partial answer."""
    stage = a_stage(make_stage, limits={"max_cost_micro_usd": 2 * PRICE - 1})
    dies_over_its_model(stage)
    run = stage.ask(key=key())

    assert (FinishReason.BUDGET_EXCEEDED, 0) == (run.finish_reason, run.cost_micro_usd)
    assert 1 == len(stage.models.asked)


def test_a_step_that_kills_its_drivers_ends_the_run(make_stage: MakeStage) -> None:
    """After the first driver and five more; the fault names the step and what was tried."""
    stage = a_stage(make_stage)
    deaths = next(n for n in count() if not _dies(stage, lambda: dies_over_its_model(stage)))
    run = detail(stage)

    assert 6 == deaths == len(stage.models.asked)
    assert run.error is not None
    assert (RunStatus.FAILED, "run_poisoned") == (run.status, run.error.code)
    assert "step 2 (a call of the model default)" in run.error.detail
    assert {"finished"} == {step.status for step in run.steps}


def _dies(stage: Stage, attempt: Callable[[], None]) -> bool:
    try:
        attempt()
    except pytest.fail.Exception:
        return False
    return not detail(stage).status.over


def test_a_tool_that_kills_its_drivers_ends_the_run(make_stage: MakeStage) -> None:
    """Likewise; its effect has happened once at most."""
    stage = make_stage(ONE_TOOL).lasting(0.05)
    tools = stage.tools

    def deadly(_: ToolCall) -> str:
        raise Killed

    tools.functions = {"calculator": deadly}
    for _ in range(6):
        with pytest.raises(Killed):
            stage.stream(key=key())
        lapse(stage)
    run = stage.ask(key=key())

    assert run.error is not None
    assert "run_poisoned" == run.error.code
    assert "step 3 (a call of the tool calculator)" in run.error.detail
    assert 1 == len(set(tools.called))


def test_a_function_whose_time_is_over_kills_no_run(make_stage: MakeStage) -> None:
    """However often it happens: nobody died over the step."""
    stage = a_stage(make_stage)
    ask = Ask(agent="adder", text="What is 17 * 23?")
    for _ in range(10):
        soon = stage.world.clock.now().timestamp() + 1
        run_id: UUID = _cut(stage, ask, soon)
    lapse(stage)

    assert RunStatus.RUNNING is stage.records.detail(stage.tenant_id, run_id).status
    assert "It is 391." == stage.ask(key=key()).output


def _cut(stage: Stage, ask: Ask, deadline: float) -> UUID:
    cut = stage.runtime.start(stage.principal, ask, key=key(), deadline=deadline)
    list(cut.events)
    return cut.run_id


class _AwayForNotes:
    """A journal whose database is away whenever the progress of a call is to be written down."""

    def __init__(self, inner: Journal) -> None:
        self._inner = inner

    def note(self, *_: object) -> bool:
        """Do not answer."""
        raise Unavailable

    def __getattr__(self, name: str) -> Any:
        """All else is the inner journal's."""
        return getattr(self._inner, name)


def test_a_call_is_not_lost_unnoticed(make_stage: MakeStage) -> None:
    """Where that could not be written down, the next driver takes the one before for dead."""
    stage = a_stage(make_stage)
    journal, models = _AwayForNotes(stage.world.journal), CutModels(stage.models, from_turn=0)
    away = replace(stage, world=replace(stage.world, journal=journal, models=models))
    told = away.stream(key=key())
    lapse(stage)
    events = stage.stream(key=key())

    assert LiveEventName.TEXT_DELTA is told[-1].name
    assert (2, PRICE) == (first_call(stage).attempt, first_call(stage).lost_micro_usd)
    assert told[-1].id not in {event.id for event in events}
