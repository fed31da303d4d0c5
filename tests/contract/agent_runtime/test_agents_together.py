"""Agents that hand a run over, and agents that ask agents, over every store."""

from __future__ import annotations

import threading
import time
from typing import Any
from uuid import UUID

import pytest

from orchstack.agent_runtime.driver import RunDriver
from orchstack.agent_runtime.model.events import LiveEvent, LiveEventName
from orchstack.agent_runtime.model.machine import RunReference
from orchstack.agent_runtime.model.runs import Ask, Run
from orchstack.agent_runtime.model.steps import HandoffWork, RunStatus, ToolWork, Work
from orchstack.agent_runtime.service.cancelling import RunCanceller
from orchstack.agent_runtime.service.stepping import Stepper
from orchstack.kernel.chat import ToolCall
from orchstack.kernel.db.session import Database
from tests.contract.agent_runtime.conftest import MakeStage
from tests.contract.agent_runtime.worlds import Script, Stage, in_postgres, key, says, wishes

AT_MOST_S = 10


def add(stage: Stage, name: str, script: Script, **document: Any) -> None:
    """Publish another agent, whose model follows a script of its own."""
    model = f"scripted/{name}"
    stage.models.others[model] = script
    stage.publish(name=name, instructions=f"I am {name}.", model=model, **document)


def link(kind: str, *names: str) -> tuple[dict[str, str], ...]:
    """Links to other agents."""
    return tuple({"agent": name, "kind": kind, "description": f"Knows {name}."} for name in names)


def works(stage: Stage, events: list[LiveEvent]) -> list[Work]:
    """What stands in the journal."""
    steps = stage.world.journal.steps(stage.tenant_id, UUID(events[0].data["run_id"]))
    return [step.work for step in steps]


def handoffs(stage: Stage, events: list[LiveEvent]) -> list[HandoffWork]:
    """The hand-offs on record."""
    return [work for work in works(stage, events) if isinstance(work, HandoffWork)]


def children(stage: Stage, events: list[LiveEvent]) -> tuple[Run, ...]:
    """The runs that a run asked for."""
    return stage.world.journal.children(stage.tenant_id, UUID(events[0].data["run_id"]))


def test_another_agent_takes_over(make_stage: MakeStage) -> None:
    """From then on its instructions, tools and model count; the caller is told who answers."""
    script = (wishes(("hand_off_to_bill_desk", {"reason": "money"})), says("Never said."))
    stage = make_stage(script, agents=link("handoff", "bill-desk"))
    add(stage, "bill-desk", (says("-"), says("Paid.")), tools=())
    events = stage.stream(key=key())
    first, second = stage.models.asked

    (changed,) = [e.data for e in events if e.name is LiveEventName.AGENT_CHANGED]
    assert ("bill-desk", "money") == (changed["agent"], changed["reason"])
    assert ("Paid.", "scripted/bill-desk") == (events[-1].data["output"], second.model)
    assert "hand_off_to_bill_desk" in [tool.name for tool in first.tools]
    assert ((), "I am bill-desk.") == (second.tools, second.messages[0].content)
    assert events == stage.stream(key=key())


def test_the_first_agents_limits_stay(make_stage: MakeStage) -> None:
    """Whoever takes over gets no more than was granted to the run."""
    script = (wishes(("hand_off_to_other", {"reason": "?"})),)
    stage = make_stage(script, agents=link("handoff", "other"), limits={"max_steps": 1})
    add(stage, "other", (says("-"), says("Too much.")), limits={"max_steps": 50})
    events = stage.stream()

    assert "max_steps" == events[-1].data["finish_reason"]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["gone"], "There is no agent gone"),
        (["other", "adder"], "at work already (adder > other)"),
        (["other", "third", "fourth"], "no more than 2 agents"),
    ],
)
def test_a_refused_hand_off_is_told_to_the_model(
    make_stage: MakeStage, names: list[str], words: str
) -> None:
    """No such agent, a circle, too deep: the agent at work goes on."""
    wanted = [wishes((f"hand_off_to_{name}", {"reason": "?"})) for name in names]
    scripts = [(*wanted[: n + 1], says("I go on.")) for n in range(len(names))]
    stage = make_stage(
        scripts[0], agents=link("handoff", names[0]), limits={"max_depth": 2, "max_steps": 9}
    )
    for n, name in enumerate(names[:-1], start=1):
        add(stage, name, scripts[n], agents=link("handoff", names[n]))
    if names[-1] == "fourth":
        add(stage, "fourth", (says("Never said."),))
    events = stage.stream()

    assert words in (handoffs(stage, events)[-1].refusal or "")
    assert "I go on." == events[-1].data["output"]


def test_what_was_asked_beside_a_hand_off_is_answered_too(make_stage: MakeStage) -> None:
    """Tools first; a second hand-off of the same answer is not carried out."""
    wanted = ("hand_off_to_other", {"reason": "a"}), ("hand_off_to_other", {"reason": "b"})
    stage = make_stage((wishes(*wanted, ("calculator", {})),), agents=link("handoff", "other"))
    add(stage, "other", (says("-"), says("Mine now.")))
    events = stage.stream()
    tools = [work for work in works(stage, events) if isinstance(work, ToolWork)]

    assert ["calculator", "hand_off_to_other"] == [work.call.name for work in tools]
    assert (True, False) == (tools[0].permitted, tools[1].permitted)
    assert "Mine now." == events[-1].data["output"]
    assert 3 == len([m for m in stage.models.asked[1].messages if m.tool_call_id])


def test_an_agent_serves_as_a_tool(make_stage: MakeStage) -> None:
    """It has a run of its own; what that took counts in the step and in the run that asked."""
    stage = make_stage(
        (wishes(("ask_helper", {"input": "Help forbidden."})), says("Thanks.")),
        agents=link("tool", "helper"),
    )
    add(stage, "helper", (says("Here, forbidden.", cost=40),), tools=())
    events = stage.stream(key=key())
    (child,) = children(stage, events)
    (tool,) = [work for work in works(stage, events) if isinstance(work, ToolWork)]

    assert ("Here, [WORD].", child.id) == (tool.content, tool.child_run_id)
    assert ("Help [WORD].", "Here, [WORD].") == (child.input, child.output)
    assert child.parent is not None
    assert (1, ("adder",)) == (child.parent.depth, child.parent.agents)
    assert 46 == events[-1].data["cost_micro_usd"]
    assert events == stage.stream(key=key())
    assert 1 == len(children(stage, events))


def test_agents_are_asked_at_once_and_share_what_is_left(make_stage: MakeStage) -> None:
    """Each gets a half of the budget, so together they cannot pass it."""
    meeting = threading.Barrier(2, timeout=AT_MOST_S)

    def meet(_: ToolCall) -> str:
        meeting.wait()
        return "met"

    asked = ("ask_one", {"input": "1"}), ("ask_two", {"input": "2"})
    stage = make_stage(
        (wishes(*asked), says("Done.")),
        agents=link("tool", "one", "two"),
        limits={"max_cost_micro_usd": 103},
    )
    stage.tools.functions = {"meet": meet, "calculator": meet}
    for name in ("one", "two"):
        add(stage, name, (wishes(("meet", {})), says("Yes.")), tools=("meet",))
    events = stage.stream()
    limits = [child.parent.limits for child in children(stage, events) if child.parent]

    assert [50, 50] == [each.max_cost_micro_usd for each in limits]
    assert ["Yes.", "Yes."] == [
        event.data["content"] for event in events if event.name is LiveEventName.TOOL_COMPLETED
    ]


def test_agents_go_no_deeper_than_the_first_allows(make_stage: MakeStage) -> None:
    """The one that would go too deep is told, and answers without."""
    limits = {"max_depth": 1}
    stage = make_stage(
        (wishes(("ask_one", {"input": "?"})), says("Done.")),
        agents=link("tool", "one"),
        limits=limits,
    )
    script = (wishes(("ask_two", {"input": "?"})), says("Alone then."))
    add(stage, "one", script, agents=link("tool", "two"))
    add(stage, "two", (says("Never said."),))
    events = stage.stream()
    (child,) = children(stage, events)

    assert "Alone then." == child.output
    assert () == stage.world.journal.children(stage.tenant_id, child.id)


def test_agents_ask_in_no_circle(make_stage: MakeStage) -> None:
    """An agent that is at work above is not asked again below."""
    stage = make_stage(
        (wishes(("ask_one", {"input": "?"})), says("Done.")), agents=link("tool", "one")
    )
    script = (wishes(("ask_adder", {"input": "?"})), says("Alone then."))
    add(stage, "one", script, agents=link("tool", "adder"))
    events = stage.stream()
    (child,) = children(stage, events)
    steps = stage.world.journal.steps(stage.tenant_id, child.id)
    (tool,) = [step.work for step in steps if isinstance(step.work, ToolWork)]

    assert "at work already (adder > one)" in tool.content
    assert "Alone then." == child.output


def test_an_agent_that_is_asked_cannot_ask_a_human(make_stage: MakeStage) -> None:
    """It is told so: nobody waits for its caller's caller."""
    stage = make_stage(
        (wishes(("ask_one", {"input": "?"})), says("Done.")), agents=link("tool", "one")
    )
    script = (wishes(("ask_human", {"question": "May I?"})), says("No then."))
    add(stage, "one", script, tools=("ask_human",))
    (child,) = children(stage, stage.stream())

    assert (RunStatus.COMPLETED, "No then.") == (child.status, child.output)
    assert () == stage.models.asked[1].tools


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("ask_one", {}, "needs `input`"),
        ("ask_gone", {"input": "?"}, "There is no agent gone"),
        ("ask_one", {"input": "x" * 99}, "one was not asked"),
        ("ask_two", {"input": "?"}, "two gave no answer: There is no tool 'abacus'"),
    ],
)
def test_an_agent_that_cannot_be_asked_is_an_error_the_model_reads(
    make_stage: MakeStage, name: str, arguments: dict[str, Any], words: str
) -> None:
    """The run goes on."""
    script = (wishes((name, arguments)), says("Done."))
    stage = make_stage(script, agents=link("tool", "one", "two", "gone"))
    add(stage, "one", (says("Never said."),), guards={"max_input_chars": 50})
    add(stage, "two", (says("Never said."),), tools=("abacus",))
    events = stage.stream()
    (tool,) = [work for work in works(stage, events) if isinstance(work, ToolWork)]

    assert (True, True) == (tool.is_error, words in tool.content)
    assert "Done." == events[-1].data["output"]


def slow_helper(database: Database, over: threading.Event) -> Stage:
    """An agent that asks another one, whose tool takes until it is let go."""
    script = (wishes(("ask_helper", {"input": "Help."})), says("Thanks."))
    stage = in_postgres(database, script, agents=link("tool", "helper"))
    add(stage, "helper", (wishes(("slow", {})), says("Helped.")), tools=("slow",))
    stage.tools.functions = {
        "slow": lambda _: str(over.wait(AT_MOST_S)),
        "calculator": lambda _: "0",
    }
    return stage


def test_a_function_that_ends_leaves_the_child_to_the_next(database: Database) -> None:
    """Whoever takes the run over finds the same child again, as far as it came."""
    over = threading.Event()
    stage = slow_helper(database, over)
    ask, soon = Ask(agent="adder", text="?"), time.time() + 5
    started = stage.runtime.start(stage.principal, ask, key=key(), deadline=soon)
    told = list(started.events)
    over.set()
    driver = RunDriver(stage.world)
    stepper = Stepper(world=stage.world, driver=driver)
    reference = RunReference(tenant_id=stage.tenant_id, run_id=started.run_id, start=1)
    for _ in range(4):
        stepper.advance(reference, deadline=time.time() + 60)
    run = stage.world.journal.run(stage.tenant_id, started.run_id)

    assert LiveEventName.TOOL_STARTED is told[-1].name
    assert (RunStatus.COMPLETED, "Thanks.") == (run.status, run.output)
    assert ["Helped."] == [child.output for child in children(stage, told)]
    assert 1 == len(set(stage.tools.called))


def test_to_cancel_a_run_cancels_whom_it_asked(database: Database) -> None:
    """Within two seconds, both."""
    over = threading.Event()
    stage = slow_helper(database, over)
    ask = Ask(agent="adder", text="?")
    started = stage.runtime.start(stage.principal, ask, key=key(), deadline=time.time() + 60)
    events: list[LiveEvent] = []

    def listen() -> None:
        events.extend(started.events)
        stage.hang_up()

    listener = threading.Thread(target=listen)
    listener.start()
    while not stage.tools.called:
        time.sleep(0.02)
    began = time.monotonic()
    canceller = RunCanceller(world=stage.world, driver=RunDriver(stage.world))
    run = canceller.cancel(stage.principal, started.run_id)
    listener.join(AT_MOST_S)
    over.set()

    assert time.monotonic() - began < 3
    assert RunStatus.CANCELLED is run.status
    assert [RunStatus.CANCELLED] == [child.status for child in children(stage, events)]
