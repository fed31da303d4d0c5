"""Deploying and destroying, against moto's AWS and an `npx` that writes down what it is asked."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import boto3
import pytest
from moto import mock_aws

from infra_cdk.deploy import CDK, deploy, destroy
from infra_cdk.stages import DEV
from orchstack.control_plane.keys import platform_key

CDK_COMMAND = " ".join(CDK[1:])
NOW = "2026-01-01T00:00:00.000Z"
TENANT = {"id": "t", "name": "First tenant", "status": "active", "created_at": NOW}
KEY: dict[str, Any] = {
    "id": "k", "name": "first", "environment": "live", "scopes": [],
    "created_at": NOW, "expires_at": None, "revoked_at": None,
}  # fmt: skip
ISSUED = {"tenant": TENANT, "first_key": {"key": KEY, "secret": "os_live_shown_once"}}
PAGE: dict[str, Any] = {"items": [], "next_cursor": None, "has_more": False}
NPX = """#!/bin/sh
echo "$@" >> {folder}/asked
while [ $# -gt 1 ]; do
  [ "$1" = --outputs-file ] && cp {folder}/outputs.json "$2"
  shift
done
exit 0
"""


class FreshInstallation(BaseHTTPRequestHandler):
    """An API that has no tenant, and makes one for who holds the platform key."""

    def do_GET(self) -> None:
        """List no tenants."""
        self._answer(200, PAGE)

    def do_POST(self) -> None:
        """Make the first one."""
        self._answer(201, ISSUED)

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _answer(self, status: int, body: object) -> None:
        allowed = self.headers["Authorization"] == f"Bearer {platform_key('stack secret')}"
        content = json.dumps(body).encode()
        self.send_response(status if allowed else 401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An AWS account in this process."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        yield


@pytest.fixture
def npx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An `npx` before the real one; the file it writes to."""
    program = tmp_path / "npx"
    program.write_text(NPX.format(folder=tmp_path))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path / "asked"


@pytest.fixture
def api() -> Iterator[str]:
    """The address of a fresh installation."""
    with ThreadingHTTPServer(("127.0.0.1", 0), FreshInstallation) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.mark.usefixtures("account")
def test_deploying_ends_with_a_key_that_works(
    npx: Path, api: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One command bootstraps, deploys all stacks, and prints the first tenant's key."""
    secret = boto3.client("secretsmanager").create_secret(
        Name="platform-key", SecretString="stack secret"
    )
    outputs = {
        "OrchStack-dev-Data": {
            "PlatformKeySecret": secret["ARN"], "ProvidersSecret": "p", "AlarmTopic": "a",
        },
        "OrchStack-dev-Services": {"SocketUrl": "wss://socket"},
        "OrchStack-dev-Edge": {"ApiUrl": api},
    }  # fmt: skip
    npx.with_name("outputs.json").write_text(json.dumps(outputs))

    deploy(DEV)

    bootstrapped, deployed = npx.read_text().splitlines()
    assert f"{CDK_COMMAND} bootstrap --context stage=dev" == bootstrapped
    assert deployed.startswith(f"{CDK_COMMAND} deploy --context stage=dev --all --outputs-file")
    assert f"ORCHSTACK_URL={api.rstrip('/')} ORCHSTACK_API_KEY=os_live_shown_once" in (
        capsys.readouterr().out
    )


@pytest.mark.usefixtures("account")
def test_destroying_asks_first(npx: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever does not type the stage's name removes nothing."""
    monkeypatch.setattr("sys.stdin", io.StringIO("prod\n"))

    with pytest.raises(SystemExit):
        destroy(DEV)
    assert not npx.exists()


@pytest.mark.usefixtures("account")
def test_destroying_dev_empties_its_buckets(npx: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bucket with objects in it would stop the deletion, so dev's are emptied before."""
    template = {"Resources": {"Blobs": {"Type": "AWS::S3::Bucket"}}}
    boto3.client("cloudformation").create_stack(
        StackName="OrchStack-dev-Data", TemplateBody=json.dumps(template)
    )
    s3 = boto3.client("s3")
    (bucket,) = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    s3.put_object(Bucket=bucket, Key="blob", Body=b"text")
    monkeypatch.setattr("sys.stdin", io.StringIO("dev\n"))

    destroy(DEV)

    assert 0 == s3.list_objects_v2(Bucket=bucket)["KeyCount"]
    assert f"{CDK_COMMAND} destroy --context stage=dev --all --force\n" == npx.read_text()
