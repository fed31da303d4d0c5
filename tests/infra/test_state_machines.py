"""State machines: every token bound, every state reached."""

from __future__ import annotations

import json
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pytest

from tests.infra.asl import STATE_MACHINES, faults, tokens
from tests.infra.assembly import Assembly, listed

FILES = sorted(STATE_MACHINES.glob("*.asl.json"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_state_is_reached_and_leads_on(file: Path) -> None:
    """No state is left out, and no transition goes nowhere."""
    assert [] == list(faults(json.loads(file.read_text())))


def test_faults_are_found() -> None:
    """A dangling transition, an unreached state and a dead end are each named."""
    broken = {
        "StartAt": "A",
        "States": {
            "A": {"Type": "Pass", "Next": "Nowhere"},
            "B": {"Type": "Succeed"},
            "C": {"Type": "Pass"},
        },
    }

    assert [
        "machine: no state Nowhere",
        "machine: B is never reached",
        "machine: C is never reached",
        "machine: C leads nowhere",
    ] == list(faults(broken))


def test_every_token_is_bound(assembly: Assembly) -> None:
    """Each `${Token}` of a deployed definition is a function that the machine may invoke."""
    machines = assembly.of("AWS::StepFunctions::StateMachine")
    bound = [set(machine.properties["DefinitionSubstitutions"]) for machine in machines]

    assert sorted(map(sorted, bound)) == sorted(sorted(tokens(f.read_text())) for f in FILES)


def test_machines_are_traced_logged_and_watched(assembly: Assembly) -> None:
    """A machine is traced, logs without the data it carries, and alarms when a run fails it."""
    watched = {alarm.properties["MetricName"] for alarm in assembly.of("AWS::CloudWatch::Alarm")}

    for machine in assembly.of("AWS::StepFunctions::StateMachine"):
        assert machine.properties["TracingConfiguration"]["Enabled"]
        assert not machine.properties["LoggingConfiguration"]["IncludeExecutionData"]
    assert {"ExecutionsFailed", "ExecutionsTimedOut"} <= watched


def test_a_step_may_take_as_long_as_its_function(dev: Assembly) -> None:
    """The state's timeout is that of the function it calls, so a hung call is tried again."""
    machine = json.loads((STATE_MACHINES / "agent_run.asl.json").read_text())
    (advance,) = [
        function
        for function in dev.of("AWS::Lambda::Function")
        if function.properties["Handler"] == "advance_run.handler"
    ]

    assert advance.properties["Timeout"] == machine["States"]["Advance"]["TimeoutSeconds"]


def test_no_task_leaves_a_run_to_itself() -> None:
    """Each has a time and catches everything, so an execution ends where it says."""
    states = json.loads((STATE_MACHINES / "agent_run.asl.json").read_text())["States"]
    tasks = [state for state in states.values() if state["Type"] == "Task"]

    assert 3 == len(tasks)
    for task in tasks:
        assert {"TimeoutSeconds", "TimeoutSecondsPath"} & set(task)
        assert ["States.ALL"] == task["Catch"][-1]["ErrorEquals"]
        assert "$.failure" == task["Catch"][-1]["ResultPath"]


def test_a_human_is_waited_for_as_long_as_the_run_says() -> None:
    """The wait for a token ends with the time to answer, and the run goes on."""
    wait = json.loads((STATE_MACHINES / "agent_run.asl.json").read_text())["States"]["AwaitHuman"]

    assert wait["Resource"].endswith("lambda:invoke.waitForTaskToken")
    assert "$.wait_s" == wait["TimeoutSecondsPath"]
    assert ("States.Timeout", "Advance") == (
        wait["Catch"][0]["ErrorEquals"][0],
        wait["Catch"][0]["Next"],
    )


def test_only_those_who_must_start_and_answer_executions(assembly: Assembly) -> None:
    """On this machine alone: who begins and resumes runs, the sweeper, and the machine itself."""
    machine = assembly.one("AWS::StepFunctions::StateMachine").id
    granted: dict[str, set[str]] = {"states:StartExecution": set(), "states:SendTaskSuccess": set()}
    for policy in assembly.of("AWS::IAM::Policy"):
        for statement in policy.properties["PolicyDocument"]["Statement"]:
            for action in set(listed(statement["Action"])) & set(granted):
                assert {"Ref": machine} == statement["Resource"]
                granted[action] |= {role["Ref"] for role in policy.properties["Roles"]}

    starters, answerers = granted["states:StartExecution"], granted["states:SendTaskSuccess"]
    assert any("AgentRunMachine" in role for role in starters)
    assert any("AwaitHuman" in role for role in answerers)
    for name in ("StartRun", "ResumeRun", "SweepRuns"):
        assert any(name in role for role in starters & answerers)
    assert not any("AdvanceRun" in role for role in starters | answerers)


def test_resources_wait_for_each_other_in_no_circle(assembly: Assembly) -> None:
    """CloudFormation would refuse a stack whose machine waits for a policy that names it."""
    for template in assembly.templates.values():
        resources = template["Resources"]
        waits = {name: set(references(resource)) for name, resource in resources.items()}
        TopologicalSorter(waits).prepare()


def references(value: Any) -> Iterator[str]:
    """What a resource has to wait for."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "Ref" and not inner.startswith("AWS::"):
                yield inner
            elif key == "Fn::GetAtt":
                yield inner[0]
            elif key == "DependsOn":
                yield from listed(inner)
            else:
                yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)
