"""A function that is called by the clock."""

from __future__ import annotations

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from infra_cdk.constructs.consumed_queue import dead_letters
from infra_cdk.constructs.python_function import PythonFunction, allow
from infra_cdk.house import House
from infra_cdk.nag import acknowledge


class Sweep(Construct):
    """Calls a function as often as the stage sweeps, with a fixed input."""

    def __init__(
        self,
        scope: Construct,
        house: House,
        function: PythonFunction,
        *,
        group: str,
        description: str,
        payload: str = "{}",
    ) -> None:
        super().__init__(scope, "Sweep")
        letters = dead_letters(self, house)
        acknowledge(letters, {"AwsSolutions-SQS3": "it is the dead-letter queue of the schedule"})
        account = {"StringEquals": {"aws:SourceAccount": Stack.of(self).account}}
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("scheduler.amazonaws.com", conditions=account),
        )
        role.add_to_policy(allow("lambda:InvokeFunction", function.function.function_arn))
        role.add_to_policy(allow("sqs:SendMessage", letters.queue_arn))
        made = scheduler.CfnScheduleGroup(self, "Group", name=group)
        # The construct library would also allow every version of the function.
        scheduler.CfnSchedule(
            self,
            "Schedule",
            description=description,
            group_name=made.ref,
            schedule_expression=house.stage.sweep,
            flexible_time_window={"mode": "OFF"},
            target=scheduler.CfnSchedule.TargetProperty(
                arn=function.function.function_arn,
                role_arn=role.role_arn,
                input=payload,
                dead_letter_config={"arn": letters.queue_arn},
                retry_policy={"maximumEventAgeInSeconds": 900, "maximumRetryAttempts": 3},
            ),
        )
