"""A state machine whose definition is a file of `statemachines/`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from aws_cdk import aws_iam as iam
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
    """Deploys `statemachines/<name>.asl.json`; each `${Token}` is a function it may invoke.

    An execution may start another of the same machine, to go on with a fresh history.
    """

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
        # Apart from the role's own policy, which the machine waits for: this one names the machine.
        iam.Policy(
            self,
            "RollOver",
            roles=[self.machine.role],
            statements=[allow("states:StartExecution", self.machine.state_machine_arn)],
        )
        acknowledge(self.machine, {"AwsSolutions-IAM5[Resource::*]": LOG_DELIVERY})
        alarm(self, "Failed", house, self.machine.metric_failed(), above=0)
        alarm(self, "TimedOut", house, self.machine.metric_timed_out(), above=0)

    def started_by(self, function: PythonFunction) -> None:
        """Let a function start executions and answer those that wait, and tell it where."""
        function.permit("states:StartExecution", self.machine.state_machine_arn)
        function.permit("states:SendTaskSuccess", self.machine.state_machine_arn)
        function.set("AGENT_RUN_MACHINE_ARN", self.machine.state_machine_arn)

    def answered_by(self, task: PythonFunction) -> None:
        """Let a function that the machine itself invokes answer executions that wait."""
        # Apart from the role's own policy, for the same reason as above.
        iam.Policy(
            self,
            f"AnsweredBy{pascal(task.verb_noun)}",
            roles=[task.role],
            statements=[allow("states:SendTaskSuccess", self.machine.state_machine_arn)],
        )
