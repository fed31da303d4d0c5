"""A cloud assembly written by hand: a little of everything, with handlers that are real."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_HANDLERS = """
import json, os, urllib.request

def echo(event, context):
    body = {"greeting": os.environ["GREETING"], "path": event["path"]}
    body["auth"] = os.environ["ORCHSTACK_DATABASE_AUTH"]
    return {"statusCode": 200, "body": json.dumps(body)}

def store(event, context):
    import boto3
    for record in event["Records"]:
        key = json.loads(record["body"])["detail"]["key"]
        boto3.client("s3").put_object(Bucket=os.environ["BUCKET"], Key=key, Body=b"stored")
    return {"batchItemFailures": []}

def provide(event, context):
    answer = {key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")}
    answer |= {"PhysicalResourceId": "made", "Status": "SUCCESS"}
    answer["Data"] = {"Twice": event["ResourceProperties"]["Word"] * 2}
    body = json.dumps(answer).encode()
    request = urllib.request.Request(event["ResponseURL"], body, method="PUT")
    urllib.request.urlopen(request, timeout=5).close()

def double(event, context):
    return event["n"] * 2
"""


def _att(name: str, attribute: str = "Arn") -> dict[str, Any]:
    return {"Fn::GetAtt": [name, attribute]}


def _function(handler: str, **variables: Any) -> dict[str, Any]:
    return {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Code": {"S3Bucket": "b", "S3Key": "code.zip"},
            "Handler": f"app.{handler}",
            "Runtime": "python3.13",
            "Timeout": 20,
            "MemorySize": 256,
            "Role": _att("Role"),
            "Environment": {"Variables": variables},
        },
    }


def _typed(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Type": kind, "Properties": properties}


def _invocation(name: str) -> dict[str, Any]:
    parts = ["arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/", _att(name)]
    return {"Fn::Join": ["", [*parts, "/invocations"]]}


_DATA: dict[str, Any] = {
    "Resources": {
        "Key": _typed("AWS::KMS::Key"),
        "Bucket": _typed("AWS::S3::Bucket"),
        "Secret": _typed("AWS::SecretsManager::Secret", GenerateSecretString={}),
        "Database": _typed("AWS::RDS::DBCluster", MasterUsername="master", DatabaseName="app"),
        "Cache": _typed("AWS::ElastiCache::ServerlessCache", Engine="valkey"),
    },
    "Outputs": {
        "PlatformKeySecret": {"Value": {"Ref": "Secret"}},
        "Key": {"Value": {"Ref": "Key"}},
        "Bucket": {"Value": {"Ref": "Bucket"}, "Export": {"Name": "bucket"}},
        "DatabasePort": {"Value": _att("Database", "Endpoint.Port")},
        "CachePort": {"Value": _att("Cache", "Endpoint.Port")},
    },
}

_APP: dict[str, Any] = {
    "Resources": {
        "Role": _typed("AWS::IAM::Role"),
        "Echo": _function("echo", GREETING={"Fn::GetAtt": ["Made", "Twice"]}),
        "Store": _function("store", BUCKET={"Fn::ImportValue": "bucket"}),
        "Double": _function("double"),
        "Provide": _function("provide"),
        "Made": _typed("Custom::Thing", ServiceToken=_att("Provide"), Word="hi"),
        "Dead": _typed("AWS::SQS::Queue"),
        "Queue": _typed(
            "AWS::SQS::Queue",
            VisibilityTimeout=120,
            RedrivePolicy={"deadLetterTargetArn": _att("Dead"), "maxReceiveCount": 3},
        ),
        "Source": _typed(
            "AWS::Lambda::EventSourceMapping",
            EventSourceArn=_att("Queue"),
            FunctionName={"Ref": "Store"},
            FunctionResponseTypes=["ReportBatchItemFailures"],
        ),
        "Bus": _typed("AWS::Events::EventBus", Name="bus"),
        "Rule": _typed(
            "AWS::Events::Rule",
            EventBusName={"Ref": "Bus"},
            EventPattern={"source": ["test"]},
            Targets=[{"Id": "1", "Arn": _att("Queue")}],
        ),
        "Schedule": _typed(
            "AWS::Scheduler::Schedule",
            ScheduleExpression="rate(1 day)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": _att("Double"), "RoleArn": _att("Role")},
        ),
        "Machine": _typed(
            "AWS::StepFunctions::StateMachine",
            StateMachineName="doubling",
            DefinitionS3Location={"Bucket": "b", "Key": "machine.json"},
            DefinitionSubstitutions={"Double": _att("Double")},
        ),
        "Api": _typed("AWS::ApiGateway::RestApi", Name="api"),
        "Path": _typed(
            "AWS::ApiGateway::Resource",
            RestApiId={"Ref": "Api"},
            ParentId=_att("Api", "RootResourceId"),
            PathPart="echo",
        ),
        "Get": _typed(
            "AWS::ApiGateway::Method",
            RestApiId={"Ref": "Api"},
            ResourceId={"Ref": "Path"},
            HttpMethod="GET",
            AuthorizationType="NONE",
            Integration={"Type": "AWS_PROXY", "Uri": _invocation("Echo")},
        ),
        "Stage": _typed("AWS::ApiGateway::Stage", RestApiId={"Ref": "Api"}, StageName="live"),
    },
    "Outputs": {
        "Url": {
            "Value": {"Fn::Sub": "https://${Api}.execute-api.us-east-1.amazonaws.com/${Stage}/echo"}
        },
        "Queue": {"Value": {"Ref": "Queue"}},
        "Machine": {"Value": {"Ref": "Machine"}},
    },
}

_MACHINE = {
    "StartAt": "Double",
    "States": {"Double": {"Type": "Task", "Resource": "${Double}", "End": True}},
}


def write_assembly(folder: Path) -> Path:
    """Write the two stacks, the application and what it stands on, into a folder."""
    (folder / "code").mkdir(parents=True, exist_ok=True)
    (folder / "code" / "app.py").write_text(_HANDLERS)
    (folder / "machine.json").write_text(json.dumps(_MACHINE))
    files = {
        "code": {"source": {"path": "code"}, "destinations": {"d": {"objectKey": "code.zip"}}},
        "machine": {
            "source": {"path": "machine.json"},
            "destinations": {"d": {"objectKey": "machine.json"}},
        },
    }
    stack = "aws:cloudformation:stack"
    artifacts = {
        "App": {
            "type": stack,
            "properties": {"templateFile": "App.json"},
            "dependencies": ["Data", "Assets"],
        },
        "Data": {"type": stack, "properties": {"templateFile": "Data.json"}},
        "Assets": {"type": "cdk:asset-manifest", "properties": {"file": "assets.json"}},
    }
    (folder / "assets.json").write_text(json.dumps({"files": files}))
    (folder / "App.json").write_text(json.dumps(_APP))
    (folder / "Data.json").write_text(json.dumps(_DATA))
    (folder / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))
    return folder
