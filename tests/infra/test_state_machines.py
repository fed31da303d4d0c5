"""State machines: every token bound, every state reached."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.infra.asl import STATE_MACHINES, faults, tokens
from tests.infra.assembly import Assembly

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
