"""A state machine whose definition is a file of `statemachines/`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra_cdk.constructs.alarms import alarm
from infra_cdk.constructs.log_group import log_group
from infra_cdk.constructs.python_function import PythonFunction, allow, pascal
from infra_cdk.house import House
from infra_cdk.nag import acknowledge

STATE_MACHINES = Path(__file__).resolve().parents[2] / "statemachines"
LOG_DELIVERY = "X-Ray and the delivery of logs know no resources: their actions demand *"


class StateMachine(Construct):
    """Deploys `statemachines/<name>.asl.json`; each `${Token}` is a function it may invoke."""

    def __init__(
        self, scope: Construct, house: House, name: str, tasks: Mapping[str, PythonFunction]
    ) -> None:
        super().__init__(scope, pascal(name))
        definition = str(STATE_MACHINES / f"{name}.asl.json")
        self.machine = sfn.StateMachine(
            self,
            "Machine",
            definition_body=sfn.DefinitionBody.from_file(definition),
            definition_substitutions={
                token: task.function.function_arn for token, task in tasks.items()
            },
            tracing_enabled=True,
            logs=sfn.LogOptions(
                destination=log_group(self, "Logs", house.stage.log_days),
                level=sfn.LogLevel.ALL,
                include_execution_data=False,
            ),
        )
        for task in tasks.values():
            self.machine.add_to_role_policy(
                allow("lambda:InvokeFunction", task.function.function_arn)
            )
        acknowledge(self.machine, {"AwsSolutions-IAM5[Resource::*]": LOG_DELIVERY})
        alarm(self, "Failed", house, self.machine.metric_failed(), above=0)
        alarm(self, "TimedOut", house, self.machine.metric_timed_out(), above=0)
