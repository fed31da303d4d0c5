"""What outlives a restart, and what a caller sees when a function dies under it."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest

from tests.bench.first_byte import TimedProvider, timed_provider
from tests.cloud import Caller, Reply, RunningCloud, running_cloud
from tests.make import agent_document

SLOW_QUESTION = "Say hello."


@pytest.mark.slow
def test_state_outlives_a_restart(assembly: Path, tmp_path: Path) -> None:
    """Tenants, runs, S3 objects, secrets and KMS keys are there after a restart."""
    with running_cloud(assembly, tmp_path / "state") as first:
        tenant = first.tenant("lasting")
        tenant.put("/v1/agents/clerk", agent_document(name="clerk").model_dump(mode="json"))
        run = tenant.run("clerk", "hi").body
        bucket = first.aws("s3").list_buckets()["Buckets"][0]["Name"]
        first.aws("s3").put_object(Bucket=bucket, Key="kept", Body=b"kept")
        key = first.aws("kms").list_keys()["Keys"][0]["KeyId"]
        sealed = first.aws("kms").encrypt(KeyId=key, Plaintext=b"sealed")["CiphertextBlob"]
    with running_cloud(assembly, tmp_path / "state") as second:
        again = tenant.with_key(tenant.key)
        again.url = second.state["api_url"]

        assert first.state["platform_key"] == second.state["platform_key"]
        assert run["output"] == again.get(f"/v1/runs/{run['id']}").body["output"]
        assert b"kept" == second.aws("s3").get_object(Bucket=bucket, Key="kept")["Body"].read()
        assert b"sealed" == second.aws("kms").decrypt(CiphertextBlob=sealed)["Plaintext"]


@pytest.mark.slow
def test_a_killed_function_is_a_clean_refusal(cloud: RunningCloud, tenant: Caller) -> None:
    """A handler that dies mid-request is 502 or 503 with Retry-After; the retry is safe."""
    document = agent_document(name="clerk", model="timed/any")
    tenant.put("/v1/agents/clerk", document.model_dump(mode="json"))
    key = str(uuid4())
    with timed_provider(cloud, pause_s=2) as provider:
        refused = _killed_while_asking(cloud, provider, tenant, key)
        settled = _until_settled(tenant, key)

    assert refused.status in (502, 503), refused
    assert int(refused.headers["retry-after"]) >= 1
    assert "application/problem+json" in refused.headers["content-type"]
    assert "completed" == settled.body["status"]
    assert [settled.body["id"]] == [r["id"] for r in tenant.get("/v1/runs").body["items"]]


def _killed_while_asking(
    cloud: RunningCloud, provider: TimedProvider, tenant: Caller, key: str
) -> Reply:
    with ThreadPoolExecutor(1) as pool:
        reply = pool.submit(_ask, tenant, key)
        while not provider.calls and not reply.done():
            time.sleep(0.01)
        cloud.kill("start_run")
        return reply.result()


def _ask(tenant: Caller, key: str) -> Reply:
    return tenant.post("/v1/agents/clerk/runs", {"input": SLOW_QUESTION}, Idempotency_Key=key)


def _until_settled(tenant: Caller, key: str) -> Reply:
    deadline = time.monotonic() + 60
    while (reply := _ask(tenant, key)).status != 200 and time.monotonic() < deadline:
        time.sleep(int(reply.headers.get("retry-after", "1")))
    return reply
