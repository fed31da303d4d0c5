"""Deploys a stage into the AWS account of your credentials, or removes it again.

`python -m infra_cdk.deploy deploy --stage dev` bootstraps the account for the CDK (a bucket and
roles, once for each region), deploys the five stacks, and makes the first tenant if there is none.
`destroy` removes them after asking. What a stage costs stands in docs/operations.md; `dev` keeps
nothing that its own deletion would stumble over, `prod` keeps its data.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from infra_cdk.stages import STAGES, Stage
from orchstack.kernel.plain import JsonObject

ROOT = Path(__file__).resolve().parents[1]
# Its cloud assembly schema is not older than that of the locked aws-cdk-lib.
CDK = ("npx", "--yes", "aws-cdk@2.1148.1")
FIRST_TENANT = "First tenant"


def deploy(stage: Stage) -> None:
    """Bootstrap, deploy, and print the address of the API and the first key."""
    _say(f"Deploying {stage.name} into the account {_account()}.")
    _cdk("bootstrap", stage)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "outputs.json"
        _cdk("deploy", stage, "--all", "--outputs-file", str(file))
        stacks: dict[str, dict[str, str]] = json.loads(file.read_text())
    found = {name: value for outputs in stacks.values() for name, value in outputs.items()}
    _say(f"API: {found['ApiUrl']}\nWebSocket: {found['SocketUrl']}")
    _say(f"Put your model providers' keys into the secret {found['ProvidersSecret']}.")
    _say(f"Subscribe to the alarms: aws sns subscribe --topic-arn {found['AlarmTopic']} …")
    _first_tenant(found["ApiUrl"], found["PlatformKeySecret"])


def destroy(stage: Stage) -> None:
    """Remove the stage, its data too unless it is protected; asks first."""
    question = f"Remove {stage.name} from the account {_account()}? Type its name: "
    if input(question) != stage.name:
        sys.exit("Nothing was removed.")
    if not stage.protected:
        _empty_buckets(f"OrchStack-{stage.name}-Data")
    _cdk("destroy", stage, "--all", "--force")


def _cdk(command: str, stage: Stage, *arguments: str) -> None:
    line = [*CDK, command, "--context", f"stage={stage.name}", *arguments]
    subprocess.run(line, cwd=ROOT, check=True)  # noqa: S603 - our own words, no shell


def _account() -> str:
    identity: JsonObject = _client("sts").get_caller_identity()
    return str(identity["Account"])


def _first_tenant(url: str, secret_arn: str) -> None:
    from orchstack.control_plane.keys import platform_key
    from orchstack.sdk import OrchStack

    secret = _client("secretsmanager").get_secret_value(SecretId=secret_arn)["SecretString"]
    with OrchStack(url.rstrip("/"), platform_key(secret)) as platform:
        if any(platform.tenants.list(limit=1)):
            _say("It has tenants already; its platform key comes from the secret " + secret_arn)
            return
        made = platform.tenants.create(FIRST_TENANT)
    _say(f"Tenant {made.tenant.id}; its key, shown this once: {made.first_key.secret}")
    _say(f"export ORCHSTACK_URL={url.rstrip('/')} ORCHSTACK_API_KEY={made.first_key.secret}")


def _empty_buckets(stack: str) -> None:
    import boto3

    resources = _client("cloudformation").describe_stack_resources(StackName=stack)
    for resource in resources["StackResources"]:
        if resource["ResourceType"] == "AWS::S3::Bucket":
            bucket = boto3.resource("s3").Bucket(resource["PhysicalResourceId"])
            bucket.object_versions.delete()


def _client(service: str) -> Any:
    import boto3

    make: Any = boto3.client
    return make(service)


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - the answer of a command


def main() -> None:
    """Read the command line."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("command", choices=("deploy", "destroy"))
    arguments.add_argument("--stage", choices=sorted(STAGES), default="dev")
    given = arguments.parse_args()
    command = {"deploy": deploy, "destroy": destroy}[given.command]
    command(STAGES[given.stage])


if __name__ == "__main__":
    main()
