"""What deploying says about resources that are wrong, and what the documentation lists."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import urllib3

from orchstack.local.addresses import Addresses
from orchstack.local.assembly import Stack
from orchstack.local.custom_resources import CustomResources
from orchstack.local.deployment import Deployment
from orchstack.local.failures import CannotDeploy
from orchstack.local.local_functions import LocalFunctions
from orchstack.local.postgres import GivenPostgres
from orchstack.local.resources.model import Site, physical_name
from orchstack.local.resources.registry import types_as_markdown
from orchstack.local.template import Resource
from orchstack.local.valkey import ValkeyServer
from tests.local.kit import Cloud, FunctionFailed

Deploy = Callable[..., dict[str, Any]]
_TOKEN = "arn:aws:lambda:us-east-1:000000000000:function:provide"


@pytest.fixture
def deploy(cloud: Cloud) -> Deploy:
    """Deploy one stack of the given resources; returns its outputs."""

    def run(outputs: dict[str, Any] | None = None, **resources: Any) -> dict[str, Any]:
        site = Site(
            clients=cloud.clients,
            functions=LocalFunctions(),
            custom_resources=CustomResources(cloud.server, cloud),
            postgres=GivenPostgres("postgresql://nobody@127.0.0.1:1/none"),
            valkey=ValkeyServer(),
        )
        stack = Stack("S", Path("S.json"), {}, {})
        named = {name: {"Value": value} for name, value in (outputs or {}).items()}
        stack.__dict__["template"] = {"Resources": resources, "Outputs": named}
        return Deployment(site, Addresses("127.0.0.1", 4700)).deploy((stack,))["S"]

    return run


@pytest.mark.parametrize(
    ("kind", "properties", "reason"),
    [
        ("AWS::Glue::Job", {}, "AWS::Glue::Job is not known locally"),
        ("AWS::SQS::Queue", {"QueueName": "no good"}, "InvalidParameterValue"),
        ("AWS::Events::Archive", {}, "KeyError: 'SourceArn'"),
        ("AWS::Lambda::EventSourceMapping", {"EventSourceArn": "arn:aws:kinesis"}, "only queues"),
        ("AWS::ApiGatewayV2::Api", {"ProtocolType": "HTTP"}, "HTTP APIs do not run here"),
        (
            "AWS::StepFunctions::StateMachine",
            {"DefinitionString": '{"x": "${Unbound}"}'},
            "nothing is bound to ..Unbound",
        ),
    ],
)
def test_what_cannot_run_here_fails_by_name(
    deploy: Deploy, kind: str, properties: dict[str, Any], reason: str
) -> None:
    """An unknown type, a refused value and an unbound token each name the resource."""
    with pytest.raises(CannotDeploy, match=f"^S/Odd.*{reason}"):
        deploy(Odd={"Type": kind, "Properties": properties})


def _provide(status: str, **more: Any) -> Callable[[Any], None]:
    def handle(event: Any) -> None:
        same = {key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")}
        answer = {**same, "PhysicalResourceId": "made", "Status": status, **more}
        urllib3.request("PUT", event["ResponseURL"], body=json.dumps(answer))

    return handle


def _custom(**properties: Any) -> dict[str, Any]:
    return {"Type": "Custom::Thing", "Properties": {"ServiceToken": _TOKEN, **properties}}


def test_a_custom_resource_gets_a_request_and_gives_its_data(cloud: Cloud, deploy: Deploy) -> None:
    """The function is asked as CloudFormation asks; its Data answers GetAtt, its id Ref."""
    seen: list[Any] = []

    def handle(event: Any) -> None:
        seen.append(event)
        _provide("SUCCESS", Data={"Word": "done"})(event)

    cloud.handlers[_TOKEN] = handle
    outputs = {"id": {"Ref": "Made"}, "word": {"Fn::GetAtt": ["Made", "Word"]}}
    assert {"id": "made", "word": "done"} == deploy(outputs, Made=_custom(Count=3, Deep=[True]))
    (request,) = seen
    assert ("Create", "Made", "Custom::Thing") == (
        request["RequestType"],
        request["LogicalResourceId"],
        request["ResourceType"],
    )
    properties = request["ResourceProperties"]
    assert ("3", ["true"]) == (properties["Count"], properties["Deep"])


def test_a_failing_custom_resource_tells_its_reason(cloud: Cloud, deploy: Deploy) -> None:
    """FAILED stops the deployment with the function's words."""
    cloud.handlers[_TOKEN] = _provide("FAILED", Reason="no room")
    with pytest.raises(CannotDeploy, match=r"S/Made .*: no room"):
        deploy(Made=_custom())


def test_a_custom_resource_that_does_not_answer_fails(cloud: Cloud, deploy: Deploy) -> None:
    """Neither an error of the function nor its silence is waited for to no end."""

    def fail(_event: Any) -> None:
        raise FunctionFailed("Broken")

    cloud.handlers[_TOKEN] = fail
    with pytest.raises(CannotDeploy, match=r"no answer came to ResponseURL.*Broken"):
        deploy(Made=_custom())
    cloud.handlers[_TOKEN] = lambda _event: None
    with pytest.raises(CannotDeploy, match="no answer came to ResponseURL"):
        deploy(Made=_custom(ServiceTimeout="1"))


def test_a_bucket_and_a_queue_are_made_as_described(cloud: Cloud, deploy: Deploy) -> None:
    """Versioning, notifications, time-outs and dead letters are those of the template."""
    dead = {"Type": "AWS::SQS::Queue", "Properties": {"FifoQueue": True}}
    redrive = {"deadLetterTargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}, "maxReceiveCount": 4}
    queue = {
        "Type": "AWS::SQS::Queue",
        "Properties": {"FifoQueue": True, "VisibilityTimeout": 90, "RedrivePolicy": redrive},
    }
    notify = {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
    bucket = {
        "Type": "AWS::S3::Bucket",
        "Properties": {
            "VersioningConfiguration": {"Status": "Enabled"},
            "NotificationConfiguration": notify,
        },
    }
    outputs = {"queue": {"Ref": "Queue"}, "bucket": {"Ref": "Bucket"}}
    made = deploy(outputs, Dead=dead, Queue=queue, Bucket=bucket)
    answer = cloud.client("sqs").get_queue_attributes(
        QueueUrl=made["queue"], AttributeNames=["All"]
    )
    assert "90" == answer["Attributes"]["VisibilityTimeout"]
    assert 4 == json.loads(answer["Attributes"]["RedrivePolicy"])["maxReceiveCount"]
    assert made["queue"].endswith("/S-Queue.fifo")
    versioning = cloud.client("s3").get_bucket_versioning(Bucket=made["bucket"])
    assert "Enabled" == versioning["Status"]


def test_a_generated_secret_fits_its_template(cloud: Cloud, deploy: Deploy) -> None:
    """GenerateSecretString puts a password of the wanted length into the template's JSON."""
    generate = {
        "SecretStringTemplate": '{"username": "u"}',
        "GenerateStringKey": "password",
        "PasswordLength": 40,
        "ExcludePunctuation": True,
    }
    properties = {"GenerateSecretString": generate}
    secret = {"Type": "AWS::SecretsManager::Secret", "Properties": properties}
    again = {"arn": {"Ref": "Secret"}}
    arn = deploy(again, Secret=secret)["arn"]
    value = cloud.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"]
    assert ("u", 40) == (json.loads(value)["username"], len(json.loads(value)["password"]))
    assert arn == deploy(again, Secret=secret)["arn"]


def test_a_long_name_is_cut_but_stays_unique() -> None:
    """A made-up name keeps within its service's limit and differs for another resource."""
    stack = Stack("Stack", Path("S.json"), {}, {})
    names = {
        physical_name(Resource(stack, f"{'Long' * 20}{end}", "T", {}), "Name", 64) for end in "ab"
    }
    assert [64, 64] == [len(name) for name in names]


@pytest.mark.parametrize(
    ("expected", "address"),
    [
        ("http://127.0.0.1:4700", "https://id.execute-api.us-east-1.amazonaws.com/live"),
        ("http://127.0.0.1:4700/v1/x", "https://id.execute-api.us-east-1.amazonaws.com/live/v1/x"),
        ("ws://127.0.0.1:4700/ws", "wss://id.execute-api.us-east-1.amazonaws.com/live"),
        ("https://example.org/live", "https://example.org/live"),
        ("arn:aws:execute-api:us-east-1:1:id/*", "arn:aws:execute-api:us-east-1:1:id/*"),
    ],
)
def test_addresses_of_api_gateway_become_local(expected: str, address: str) -> None:
    """URLs of the APIs lead to the gateway, without the stage; all else stays."""
    assert expected == Addresses("127.0.0.1", 4700).rewrite(address)


def test_the_list_of_types_says_how_each_differs() -> None:
    """Every type stands in the documentation's table as emulated or stubbed."""
    table = types_as_markdown()
    assert "| AWS::SQS::Queue | emulated | messages end with the local cloud |" in table
    assert "| AWS::IAM::Role | stubbed | no permission is checked |" in table
