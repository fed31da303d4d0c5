"""Every function is the house's: deployed from its file, narrow, traced and bounded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from infra_cdk.constructs.python_function import FUNCTIONS
from infra_cdk.house import APP, PLATFORM
from infra_cdk.stages import STAGES
from orchstack.wiring.catalogue import OPERATIONS
from tests.infra.assembly import Assembly, Resource, listed, render

# Actions that AWS offers without a resource to name, and why they are needed.
UNNAMEABLE = {
    "ec2:AssignPrivateIpAddresses": "Lambda's network interfaces",
    "ec2:CreateNetworkInterface": "Lambda's network interfaces",
    "ec2:DeleteNetworkInterface": "Lambda's network interfaces",
    "ec2:DescribeNetworkInterfaces": "Lambda's network interfaces",
    "ec2:DescribeSubnets": "Lambda's network interfaces",
    "ec2:UnassignPrivateIpAddresses": "Lambda's network interfaces",
    "logs:CreateLogDelivery": "Step Functions delivers its logs",
    "logs:DeleteLogDelivery": "Step Functions delivers its logs",
    "logs:DescribeLogGroups": "Step Functions delivers its logs",
    "logs:DescribeResourcePolicies": "Step Functions delivers its logs",
    "logs:GetLogDelivery": "Step Functions delivers its logs",
    "logs:ListLogDeliveries": "Step Functions delivers its logs",
    "logs:PutResourcePolicy": "Step Functions delivers its logs",
    "logs:UpdateLogDelivery": "Step Functions delivers its logs",
    "xray:GetSamplingRules": "tracing",
    "xray:GetSamplingTargets": "tracing",
    "xray:PutTelemetryRecords": "tracing",
    "xray:PutTraceSegments": "tracing",
}
# Connections come and go; the stage they belong to is named.
# Objects of the blob store are named by tenant and content, unknown beforehand.
OBJECTS = "/tenants/*"
CONNECTIONS = ("/live/DELETE/@connections/*", "/live/POST/@connections/*")
ACCOUNT_LIMIT = 1_000
ACCOUNT_UNRESERVED = 100


def functions(assembly: Assembly) -> dict[str, Resource]:
    """Give the functions by `<service>/<verb_noun>`."""
    return {_name(resource): resource for resource in assembly.of("AWS::Lambda::Function")}


def _name(resource: Resource) -> str:
    service = resource.properties["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"]
    return f"{service}/{resource.properties['Handler'].removesuffix('.handler')}"


def _statements(assembly: Assembly) -> list[dict[str, Any]]:
    return [
        statement
        for policy in assembly.of("AWS::IAM::Policy")
        for statement in policy.properties["PolicyDocument"]["Statement"]
    ]


def test_functions_are_the_files(assembly: Assembly) -> None:
    """The files under functions/ are exactly the functions that are deployed."""
    files = {
        path.relative_to(FUNCTIONS).with_suffix("").as_posix()
        for path in FUNCTIONS.rglob("*.py")
        if path.name != "__init__.py"
    }

    assert files == set(functions(assembly))


def test_functions_run_alike(assembly: Assembly) -> None:
    """Each runs Python 3.13 on arm64, logs JSON to a group of its own, and is traced."""
    for function in functions(assembly).values():
        properties = function.properties
        assert ["arm64"] == properties["Architectures"]
        assert "python3.13" == properties["Runtime"]
        assert "JSON" == properties["LoggingConfig"]["LogFormat"]
        assert {"Mode": "Active"} == properties["TracingConfig"]
        assert ["Base", "Core"] == [layer["Ref"][:4] for layer in properties["Layers"]]
        assert 10 <= properties["Timeout"] <= 900


def test_functions_share_neither_role_nor_logs(assembly: Assembly) -> None:
    """Each has its own role and its own log group with a retention."""
    found = functions(assembly).values()
    roles = {render(function.properties["Role"]) for function in found}
    groups = {function.properties["LoggingConfig"]["LogGroup"]["Ref"] for function in found}

    assert len(found) == len(roles) == len(groups)
    for group in groups:
        assert assembly.get(group).properties["RetentionInDays"] == assembly.stage.log_days


def test_functions_with_a_database_are_bounded_and_inside(assembly: Assembly) -> None:
    """Who may connect to the database runs in the VPC, over IPv6 too, and so many times at most."""
    for name, function in functions(assembly).items():
        inside = "ORCHSTACK_DATABASE_USER" in function.properties["Environment"]["Variables"]
        bound = assembly.stage.concurrency.of(name) if inside else None

        assert bound == function.properties.get("ReservedConcurrentExecutions")
        assert inside == ("VpcConfig" in function.properties)
        assert not inside or function.properties["VpcConfig"]["Ipv6AllowedForDualStack"]


def test_reserved_concurrency_fits_the_account() -> None:
    """What the functions reserve leaves the account's other functions what AWS demands."""
    for stage in STAGES.values():
        names = [path.relative_to(FUNCTIONS) for path in FUNCTIONS.glob("*/[!_]*.py")]
        reserved = sum(stage.concurrency.of(Path(n).with_suffix("").as_posix()) for n in names)

        assert reserved <= ACCOUNT_LIMIT - ACCOUNT_UNRESERVED


def test_each_function_connects_as_one_user(assembly: Assembly) -> None:
    """A function's role may sign in to the database as exactly the user its environment names."""
    for function in functions(assembly).values():
        role = render(function.properties["Role"]).split(".")[0].strip("<")
        allowed = {
            render(resource).rpartition("/")[2]
            for policy in assembly.of("AWS::IAM::Policy")
            if {"Ref": role} in policy.properties["Roles"]
            for statement in policy.properties["PolicyDocument"]["Statement"]
            if "rds-db:connect" in listed(statement["Action"])
            for resource in listed(statement["Resource"])
        }
        user = function.properties["Environment"]["Variables"].get("ORCHSTACK_DATABASE_USER")

        assert allowed == {user} & {APP, PLATFORM}


def test_no_action_is_a_wildcard(assembly: Assembly) -> None:
    """No grant names a family of actions."""
    actions = {a for statement in _statements(assembly) for a in listed(statement["Action"])}

    assert [] == [action for action in sorted(actions) if "*" in action]


def test_wildcard_resources_are_those_aws_demands(assembly: Assembly) -> None:
    """A grant on every resource is one of the few actions that cannot be narrowed."""
    for statement in _statements(assembly):
        for resource in map(render, listed(statement["Resource"])):
            if resource == "*":
                assert set(listed(statement["Action"])) <= set(UNNAMEABLE)
            else:
                assert "*" not in resource or resource.endswith((*CONNECTIONS, OBJECTS))


def test_streaming_operations_run_on_the_streaming_runtime(assembly: Assembly) -> None:
    """Exactly the functions of streaming operations are started by the layer's own runtime."""
    streaming = {operation.function for operation in OPERATIONS if operation.streaming}

    assert streaming == {
        name
        for name, function in functions(assembly).items()
        if "AWS_LAMBDA_EXEC_WRAPPER" in function.properties["Environment"]["Variables"]
    }


def test_functions_outlive_their_operations_deadline(assembly: Assembly) -> None:
    """A function runs longer than the deadline of its operation, so that it can still commit."""
    found = functions(assembly)
    for operation in OPERATIONS:
        assert operation.timeout_s < found[operation.function].properties["Timeout"]


def test_no_stranger_rings_an_alarm(assemblies: dict[str, Assembly]) -> None:
    """In prod each function's errors ring, but the authorizer's, which are also wrong keys."""
    prod = assemblies["prod"]
    watched = {
        dimension["Value"].get("Ref")
        for alarm in prod.of("AWS::CloudWatch::Alarm")
        if "Errors" == alarm.properties["MetricName"]
        for dimension in alarm.properties["Dimensions"]
    }
    services = {n: f for n, f in functions(prod).items() if n != "control_plane/migrate_database"}

    assert {"control_plane/authorize_request"} == {
        name for name, function in services.items() if function.id not in watched
    }
