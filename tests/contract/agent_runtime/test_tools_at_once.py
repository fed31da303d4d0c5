"""Tools that one answer asks for, over every store: at once, in order, and none lost."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from orchstack.agent_runtime.model.events import LiveEvent
from orchstack.agent_runtime.model.runs import Ask
from orchstack.agent_runtime.model.steps import Step, ToolWork
from orchstack.kernel.chat import ToolCall
from orchstack.kernel.db.session import Database
from orchstack.kernel.errors import DeadlineExceeded
from tests.contract.agent_runtime.conftest import MakeStage
from tests.contract.agent_runtime.worlds import Stage, in_postgres, key, says, wishes

AT_MOST_S = 10


def equipped(
    make_stage: MakeStage, tools: Mapping[str, Callable[[ToolCall], str]], *wanted: str, **more: Any
) -> Stage:
    """A stage whose model asks for these tools in one answer, and then answers."""
    script = (wishes(*((name, {}) for name in wanted)), says("Done."))
    stage = make_stage(script, tools=tuple(tools), **more)
    stage.tools.functions = tools
    return stage


def over_postgres(database: Database) -> MakeStage:
    """Where time goes by: the clock in memory stands still."""
    return partial(in_postgres, database)


def told(events: list[LiveEvent], name: str) -> list[str]:
    """The tools that events of a name tell of, in order."""
    return [event.data["name"] for event in events if event.name.value == name]


def tool_steps(stage: Stage, events: list[LiveEvent]) -> list[Step]:
    """The calls of tools on record."""
    steps = stage.world.journal.steps(stage.tenant_id, UUID(events[0].data["run_id"]))
    return [step for step in steps if isinstance(step.work, ToolWork)]


def test_tools_work_at_the_same_time(make_stage: MakeStage) -> None:
    """Each waits until the other has begun; one after the other they would wait for ever."""
    meeting = threading.Barrier(2, timeout=AT_MOST_S)

    def meet(_: ToolCall) -> str:
        meeting.wait()
        return "met"

    stage = equipped(make_stage, {"one": meet, "two": meet}, "one", "two")
    events = stage.stream()

    assert ["one", "two"] == told(events, "tool.completed")
    assert {"met"} == {event.data.get("content", "met") for event in events}


def test_results_are_told_in_the_order_of_the_wishes(make_stage: MakeStage) -> None:
    """Whichever came first; the journal tells the same."""
    first_done = threading.Event()

    def slow(_: ToolCall) -> str:
        first_done.wait(AT_MOST_S)
        return "slow"

    def fast(_: ToolCall) -> str:
        first_done.set()
        return "fast"

    stage = equipped(make_stage, {"slow": slow, "fast": fast}, "slow", "fast")
    events = stage.stream(key=key())

    assert ["slow", "fast"] == told(events, "tool.completed")
    assert events == stage.stream(key=key())


def test_no_more_work_at_once_than_the_limit(make_stage: MakeStage) -> None:
    """Three of five, then two; nobody waits longer than needed."""
    lock, busy, most = threading.Lock(), Counter[str](), []

    def work(_: ToolCall) -> str:
        with lock:
            busy["now"] += 1
            most.append(busy["now"])
        time.sleep(0.05)
        with lock:
            busy["now"] -= 1
        return "ok"

    limits = {"max_parallel_tools": 3}
    stage = equipped(make_stage, {"work": work}, *["work"] * 5, limits=limits)
    stage.stream()

    assert (3, 5) == (max(most), len(most))


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ([{"first": "read", "then": "write"}], ["read", "read", "write"]),
        ([{"first": "write", "then": "read"}], ["write", "read", "read"]),
    ],
)
def test_the_declared_order_is_kept(
    make_stage: MakeStage, order: list[dict[str, str]], expected: list[str]
) -> None:
    """Whatever the order of the wishes."""
    called: list[str] = []

    def note(call: ToolCall) -> str:
        called.append(call.name)
        return "ok"

    tools = {"read": note, "write": note}
    stage = equipped(make_stage, tools, "read", "write", "read", tool_order=order)
    stage.stream()

    assert expected == called


def test_a_fast_result_outlives_a_function_that_ends_over_a_slow_one(database: Database) -> None:
    """It is written down as it comes; only the slow tool is called again."""
    over = threading.Event()

    def slow(_: ToolCall) -> str:
        over.wait(AT_MOST_S)
        return "slow"

    tools = {"slow": slow, "fast": lambda _: "fast"}
    stage = equipped(over_postgres(database), tools, "slow", "fast")
    ask, soon = Ask(agent="adder", text="Go."), time.time() + 2.3
    started = stage.runtime.start(stage.principal, ask, key=key(), deadline=soon)
    list(started.events)
    over.set()
    events = stage.stream(key=key())

    assert ["slow", "fast"] == told(events, "tool.completed")
    assert {3: 2, 4: 1} == Counter(int(k.rpartition(":")[2]) for k in stage.tools.called)
    assert DeadlineExceeded.code not in str(events)
    assert ["finished", "finished"] == [step.status for step in tool_steps(stage, events)]


def test_a_tool_that_takes_too_long_is_not_waited_for(database: Database) -> None:
    """Its own limit ends the call, not the run: the model is told."""
    over = threading.Event()
    stage = equipped(
        over_postgres(database),
        {"stuck": lambda _: str(over.wait(AT_MOST_S))},
        "stuck",
        limits={"max_tool_seconds": 1},
    )
    began = time.monotonic()
    events = stage.stream()
    over.set()

    assert time.monotonic() - began < 5
    assert "did not answer in time" in str(events)
    assert "completed" == events[-1].data["status"]


@pytest.mark.parametrize(
    ("policy", "shown", "given"),
    [
        ("redact", {"to": ["[WORD]!"]}, {"to": ["forbidden!"]}),
        ("off", {"to": ["forbidden!"]}, {"to": ["forbidden!"]}),
        ("block", {}, None),
    ],
)
def test_arguments_are_shown_past_the_output_guard(
    make_stage: MakeStage, policy: str, shown: dict[str, Any], given: dict[str, Any] | None
) -> None:
    """A model wrote them. A tool gets them as they are, unless the policy is to block."""
    got: list[dict[str, Any]] = []

    def send(call: ToolCall) -> str:
        got.append(call.arguments)
        return "sent"

    stage = make_stage(
        (wishes(("send", {"to": ["forbidden!"]})), says("Done.")),
        tools=("send",),
        guards={"pii_output": policy, "pii_input": "off"},
    )
    stage.tools.functions = {"send": send}
    (started,) = [e for e in stage.stream() if e.name.value == "tool.started"]

    assert shown == started.data["arguments"]
    assert ([] if given is None else [given]) == got
