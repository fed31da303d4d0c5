"""How a driver carries a run on."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from orchstack.agent_runtime.adapters.in_memory import InMemoryTools
from orchstack.agent_runtime.adapters.in_memory_journal import InMemoryJournal
from orchstack.agent_runtime.model.events import LiveEvent, LiveEventName
from orchstack.agent_runtime.model.runs import Ask, Lease, Run, RunDetail
from orchstack.agent_runtime.model.steps import FinishReason, RunStatus, Step, ToolWork
from orchstack.kernel.chat import ChatEvent, ChatRequest, MicroDollars, TextDelta, ToolCall
from orchstack.kernel.clock import ManualClock
from orchstack.kernel.errors import (
    DeadlineExceeded,
    InvalidRequest,
    NoProviderAvailable,
    Unavailable,
)
from orchstack.kernel.events import Announcement
from tests.contract.agent_runtime.worlds import ONE_TOOL, Stage, in_memory, key, says, wishes


def detail(stage: Stage, events: list[LiveEvent]) -> RunDetail:
    """The record of the run that the events tell of."""
    return stage.records.detail(stage.tenant_id, UUID(events[0].data["run_id"]))


def tool_work(stage: Stage, events: list[LiveEvent]) -> ToolWork:
    """The first call of a tool on record."""
    works = [step.work for step in detail(stage, events).steps]
    return next(work for work in works if isinstance(work, ToolWork))


def test_a_tool_the_agent_does_not_name_is_never_called() -> None:
    """The wish is denied, the model is told, and the run goes on."""
    stage = in_memory([wishes(("shell", {"run": "rm"})), says("Sorry.")])
    stage.tools.functions = {**stage.tools.functions, "shell": lambda _: "done"}
    events = stage.stream()
    work = tool_work(stage, events)

    assert (False, True) == (work.permitted, work.is_error)
    assert [] == stage.tools.called
    assert "Sorry." == events[-1].data["output"]


def test_a_tool_that_fails_is_told_to_the_model() -> None:
    """Its error is a result; the run does not fail."""

    def broken(_: ToolCall) -> str:
        raise InvalidRequest("Give me numbers.")

    stage = in_memory()
    stage.tools.functions = {"calculator": broken}
    events = stage.stream()

    assert (True, "Give me numbers.") == (
        tool_work(stage, events).is_error,
        stage.models.asked[1].messages[-1].content,
    )
    assert "completed" == events[-1].data["status"]


def test_what_a_tool_says_passes_the_guard() -> None:
    """A model never reads what the policy redacts."""
    stage = in_memory(guards={"pii_input": "block"})
    stage.tools.functions = {"calculator": lambda _: "a forbidden fruit"}
    stage.stream()

    assert "a [WORD] fruit" == stage.models.asked[1].messages[-1].content


def test_an_answer_that_is_blocked_fails_the_run() -> None:
    """What went out before stays; its cost is counted all the same."""
    stage = in_memory([says("This is forbidden fruit.")], guards={"pii_output": "block"})
    events = stage.stream()
    run = events[-1].data
    text = "".join(e.data["text"] for e in events if e.name is LiveEventName.TEXT_DELTA)

    assert ("failed", "content_blocked") == (run["status"], run["error"]["code"])
    assert "forbidden" not in str(events)
    assert (text, 3) == (run["output"], run["cost_micro_usd"])


def test_the_budget_is_never_passed() -> None:
    """A call whose worst case does not fit is not made; the partial answer says why."""
    stage = in_memory(limits={"max_cost_micro_usd": 5})
    stage.models.price = 3
    events = stage.stream()
    run = events[-1].data

    assert (FinishReason.BUDGET_EXCEEDED, 3) == (run["finish_reason"], run["cost_micro_usd"])
    assert "391" in run["output"]
    assert run["output"] == events[-2].data["text"]


def test_a_model_nobody_serves_fails_the_run_at_once() -> None:
    """It is on record, and nothing was called."""
    stage = in_memory(model="nobody/model")
    run = stage.ask()

    assert (RunStatus.FAILED, []) == (run.status, stage.models.asked)


def test_a_tool_that_is_gone_fails_the_run() -> None:
    """The agent was published when there still was one."""
    stage = in_memory(tools=("abacus",))
    run = stage.ask()

    assert run.error is not None
    assert "invalid_document" == run.error.code


@dataclass
class SlowModels:
    """A model that takes half a minute over each piece, on the stage's clock."""

    clock: ManualClock
    pieces: int

    def stream(
        self, tenant_id: UUID, request: ChatRequest, *, deadline: float
    ) -> Iterator[ChatEvent]:
        """Speak slowly, and stop at the deadline."""
        del tenant_id, request
        for _ in range(self.pieces):
            self.clock.advance(30)
            if self.clock.now().timestamp() > deadline:
                raise DeadlineExceeded
            yield TextDelta(text="word ")
        yield says("word " * self.pieces)

    def worst_cost(self, request: ChatRequest) -> MicroDollars:
        """Nothing."""
        del request
        return 0


def slow(pieces: int, **document: Any) -> Stage:
    """A stage with a slow model."""
    stage = in_memory(**document)
    clock = stage.world.clock
    assert isinstance(clock, ManualClock)
    return replace(stage, world=replace(stage.world, models=SlowModels(clock, pieces)))


def test_a_run_that_passes_its_time_ends_with_what_was_said() -> None:
    """The model is cut at the run's own limit."""
    run = slow(10, limits={"max_seconds": 100}).ask()

    assert (FinishReason.MAX_SECONDS, "word word word ") == (run.finish_reason, run.output)


def test_a_function_that_ends_first_hands_the_run_over() -> None:
    """No fault of the run: the events end, and the machine or the same key carries it on."""
    stage = slow(4, limits={"max_seconds": 800})
    ask, soon = Ask(agent="adder", text="?"), stage.world.clock.now().timestamp() + 70
    cut = stage.runtime.start(stage.principal, ask, key=key(), deadline=soon)
    told = list(cut.events)

    assert not told[-1].name.last
    assert "word word word word " == stage.stream("?", key=key())[-1].data["output"]


def test_a_lease_is_kept_while_the_model_speaks() -> None:
    """Nobody takes a run over whose driver is alive, however long the answer is."""
    stage = slow(3)
    ask = Ask(agent="adder", text="?")
    started = stage.runtime.start(stage.principal, ask, key=key(), deadline=stage.deadline)
    pieces = [e for e in started.events if e.name is LiveEventName.TEXT_DELTA and _held(stage)]

    assert 3 == len(pieces)


def _held(stage: Stage) -> bool:
    known = stage.world.journal.find_key(stage.tenant_id, "key-1")
    return known is not None and known.lease_s > 0


def test_stages_add_up_over_drivers() -> None:
    """The time spent by a driver that died counts as well."""
    stage = slow(2)
    run = stage.ask()

    assert (60_000.0, 60_000.0) == (run.latency_ms.model, run.latency_ms.total)


def test_a_run_keeps_its_spans() -> None:
    """One for the run, and below it one for each call, named as OpenTelemetry names them."""
    stage = in_memory()
    spans = detail(stage, stage.stream()).spans
    root = spans[0]["id"]

    assert [
        "invoke_agent adder",
        "chat default",
        "execute_tool calculator",
        "chat default",
    ] == [span["name"] for span in spans]
    assert [None, root, root, root] == [span["parent"] for span in spans]


def test_a_failed_call_is_not_repeated_by_the_loop() -> None:
    """Trying again is the router's business; what it gives up on ends the run."""
    stage = in_memory([ONE_TOOL[0], NoProviderAvailable("All are down.")])
    run = stage.ask()

    assert run.error is not None
    assert ("All are down.", 2) == (run.error.detail, len(stage.models.asked))


def test_an_effect_has_one_key_however_often_it_is_tried() -> None:
    """The tool is handed the step's own key."""
    stage = in_memory()
    events = stage.stream()
    run_id = events[0].data["run_id"]

    assert isinstance(stage.tools, InMemoryTools)
    assert [f"{run_id}:3"] == stage.tools.called


class ForgetfulJournal(InMemoryJournal):
    """A journal that cannot write the end of a run the first time it is asked to."""

    failed = False

    def append(
        self,
        run: Run,
        steps: Sequence[Step],
        announcement: Announcement,
        *,
        lease: Lease,
        wake_at: datetime | None = None,
        with_history: bool = False,
    ) -> bool:
        """Fail once at a run's end, as a database that restarts."""
        del wake_at, with_history
        if run.over and not self.failed:
            self.failed = True
            raise Unavailable
        return super().append(run, steps, announcement, lease=lease)


def test_an_end_that_could_not_be_written_can_be_tried_again_at_once() -> None:
    """The driver gives the run back; nobody has to wait for its lease to lapse."""
    stage = in_memory()
    journal = ForgetfulJournal(stage.world.clock)
    stage = replace(stage, world=replace(stage.world, journal=journal, memory=journal))
    with pytest.raises(Unavailable):
        stage.stream(key=key())

    assert "It is 391." == stage.stream(key=key())[-1].data["output"]


def test_a_lease_outlasts_every_call_of_a_tool() -> None:
    """However long it lasts: it is renewed meanwhile, so no other driver takes the run over."""
    stage = in_memory([wishes(("calculator", {})), says("Done.")])
    clock, held = stage.world.clock, []
    assert isinstance(clock, ManualClock)

    def work(_: ToolCall) -> str:
        for _part in range(3):
            clock.advance(stage.lease_seconds * 0.5)
            time.sleep(0.6)
            held.append(_held(stage))
        return "391"

    stage.tools.functions = {"calculator": work}
    stage.stream(key=key())

    assert [True, True, True] == held
