"""A Lambda function the OrchStack way: one file of `functions/`, its own role, its own logs."""

from __future__ import annotations

from pathlib import Path

from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secrets
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra_cdk.constructs.log_group import log_group
from infra_cdk.house import APP, SIGNED_IN_BY_TOKEN, House
from infra_cdk.nag import acknowledge
from orchstack.wiring.catalogue import OPERATIONS

FUNCTIONS = Path(__file__).resolve().parents[2] / "functions"
RUNTIME = lambda_.Runtime.PYTHON_3_13
STREAMING = {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/orchstack-stream"}
# The longest Lambda allows; an operation's own deadline is earlier, to leave time for its commits.
STREAMING_SECONDS = 900
# Lambda makes and removes network interfaces with the function's role, before they have names.
NETWORK_INTERFACES = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
]
ANY_RESOURCE = (
    "X-Ray and network interfaces have no names a policy could list: their actions demand *"
)

NAMED_BY_CONTENT = "objects are named by tenant and content, which nobody knows beforehand"
RUNTIME_CHOSEN = "3.13 is what the locked arm64 wheels are chosen and tested for"


def allow(action: str, resource: str) -> iam.PolicyStatement:
    """Return the statement that allows one action on one resource."""
    return iam.PolicyStatement(actions=[action], resources=[resource])


def pascal(name: str) -> str:
    """Turn verb_noun into VerbNoun."""
    return "".join(word.capitalize() for word in name.split("_"))


class PythonFunction(Construct):
    """Deploys `functions/<service>/<verb_noun>.py`, in the VPC as database user `user`, or outside.

    A function that serves operations of the API takes its timeout and its streaming from them.
    """

    def __init__(
        self,
        scope: Construct,
        house: House,
        name: str,
        *,
        user: str | None = APP,
        timeout_s: int | None = None,
        memory_mb: int = 512,
    ) -> None:
        self.service, self.verb_noun = name.split("/")
        if not (FUNCTIONS / f"{name}.py").is_file():
            raise FileNotFoundError(f"infra_cdk deploys functions/{name}.py, which is missing")
        super().__init__(scope, pascal(self.verb_noun))
        self.name = name
        self.user = user
        self._house = house
        self._operations = [operation for operation in OPERATIONS if operation.function == name]
        self.timeout_s = timeout_s or self._longest()
        self.role = self._role()
        self.function = self._function(memory_mb)

    def set(self, variable: str, value: str) -> None:
        """Tell the function a value: `ORCHSTACK_<variable>`."""
        self.function.add_environment(f"ORCHSTACK_{variable}", value)

    def permit(self, action: str, resource: str) -> None:
        """Allow one action on one resource."""
        self.role.add_to_policy(allow(action, resource))

    def read_secret(self, secret: secrets.ISecret, variable: str) -> None:
        """Let the function read a secret, and tell it where."""
        self.permit("secretsmanager:GetSecretValue", secret.secret_arn)
        self.role.add_to_policy(
            iam.PolicyStatement(
                actions=["kms:Decrypt"],
                resources=[self._house.data.key.key_arn],
                conditions={
                    "StringEquals": {
                        "kms:ViaService": f"secretsmanager.{Stack.of(self).region}.amazonaws.com"
                    }
                },
            )
        )
        self.set(f"{variable}_SECRET_ARN", secret.secret_arn)

    def use_blobs(self, *actions: str) -> None:
        """Let the function get, put or delete what comes with runs, and tell it where."""
        data = self._house.data
        for action in actions:
            self.permit(f"s3:{action}Object", data.blobs.arn_for_objects("tenants/*"))
        exported = Stack.of(self).resolve(data.blobs_arn)["Fn::ImportValue"]
        acknowledge(
            self.role, {f"AwsSolutions-IAM5[Resource::{exported}/tenants/*]": NAMED_BY_CONTENT}
        )
        self.role.add_to_policy(
            iam.PolicyStatement(
                actions=["kms:Decrypt", "kms:GenerateDataKey"],
                resources=[data.key.key_arn],
                conditions={
                    "StringEquals": {"kms:ViaService": f"s3.{Stack.of(self).region}.amazonaws.com"}
                },
            )
        )
        self.set("BLOBS_BUCKET", data.blobs.bucket_name)

    def send(self, queue: sqs.IQueue, variable: str) -> None:
        """Let the function send to a queue, and tell it where."""
        self.permit("sqs:SendMessage", queue.queue_arn)
        self.set(f"{variable}_QUEUE_URL", queue.queue_url)

    def _longest(self) -> int:
        if any(operation.streaming for operation in self._operations):
            return STREAMING_SECONDS
        return 1 + max(operation.timeout_s for operation in self._operations)

    def _role(self) -> iam.Role:
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        if self.user:
            role.add_to_policy(iam.PolicyStatement(actions=NETWORK_INTERFACES, resources=["*"]))
        if self.user in SIGNED_IN_BY_TOKEN:
            self._house.data.database.grant_connect(role, self.user)
        acknowledge(role, {"AwsSolutions-IAM5[Resource::*]": ANY_RESOURCE})
        return role

    def _function(self, memory_mb: int) -> lambda_.Function:
        house, network = self._house, self._house.network
        code = lambda_.Code.from_asset(str(FUNCTIONS / self.service), exclude=["**/__pycache__"])
        function = lambda_.Function(
            self,
            "Function",
            runtime=RUNTIME,
            architecture=lambda_.Architecture.ARM_64,
            code=code,
            handler=f"{self.verb_noun}.handler",
            layers=list(house.layers),
            role=self.role,
            timeout=Duration.seconds(self.timeout_s),
            memory_size=memory_mb,
            environment=self._environment(),
            tracing=lambda_.Tracing.ACTIVE,
            log_group=self._logs(),
            logging_format=lambda_.LoggingFormat.JSON,
            reserved_concurrent_executions=house.stage.concurrency.of(self.name)
            if self.user
            else None,
            vpc=network.vpc if self.user else None,
            security_groups=[network.functions] if self.user else None,
            ipv6_allowed_for_dual_stack=True if self.user else None,
        )
        acknowledge(function, {"AwsSolutions-L1": RUNTIME_CHOSEN})
        return function

    def _logs(self) -> logs.LogGroup:
        group = log_group(self, "Logs", self._house.stage.log_days)
        group.grant_write(self.role)
        return group

    def _environment(self) -> dict[str, str]:
        streaming = any(operation.streaming for operation in self._operations)
        return {
            "POWERTOOLS_SERVICE_NAME": self.service,
            **(STREAMING if streaming else {}),
            **(self._house.environment(self.user) if self.user else {}),
        }
