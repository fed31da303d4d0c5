"""A canary from its publication to its end, over real runs and the events of their ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.bench.first_byte import set_providers
from tests.cloud import Caller, RunningCloud, eventually
from tests.make import agent_document

ALIAS = "/v1/agents/clerk/aliases/live"
ROLLED_BACK = "control_plane.CanaryRolledBack.v1"
# Runs of both versions until the failing one is given up; half of them are its own.
MANY = 120


def publish(caller: Caller, model: str, query: str = "") -> Any:
    """Publish a version of the clerk that asks this model."""
    document = agent_document(name="clerk", model=model, description=model)
    reply = caller.put(f"/v1/agents/clerk{query}", document.model_dump(mode="json"))
    assert 201 == reply.status, reply
    return reply.body


@pytest.fixture
def clerk(tenant: Caller) -> Caller:
    """A tenant with an agent that answers."""
    publish(tenant, "builtin/echo")
    return tenant


def canary(caller: Caller) -> Any:
    """The canary of the clerk as it stands."""
    return caller.get(ALIAS).body["canary"]


def test_a_version_that_fails_is_rolled_back(cloud: RunningCloud, clerk: Caller) -> None:
    """Its runs end it: within fifty of them nobody meets it any more, and that is told."""
    # Nobody listens there.
    set_providers(cloud, {"broken": {"base_url": "http://127.0.0.1:9/v1", "api_key": "none"}})
    publish(clerk, "broken/model", "?canary=0.5")
    for _ in range(MANY):
        clerk.run("clerk", "What is 17 * 23?")
        if canary(clerk)["end"]:
            break

    assert eventually(lambda: canary(clerk)["end"] == "rolled_back", within_s=60)
    kept = canary(clerk)
    assert 0 < kept["canary"]["runs"] == kept["canary"]["failures"] <= 50
    assert 0 == kept["stable"]["failures"]
    assert [200] * 8 == [clerk.run("clerk", "hi").status for _ in range(8)]
    (event,) = eventually(lambda: clerk.get(f"/v1/events?type={ROLLED_BACK}").body["items"])
    assert kept["findings"] == event["data"]["findings"]
    (entry,) = clerk.get("/v1/audit?action=canary.roll_back").body["items"]
    assert ("system:control_plane", event["data"]) == (entry["actor"], entry["facts"])


def test_a_session_stays_with_its_version(clerk: Caller) -> None:
    """Also when the weight is raised; promoted, the canary answers everybody."""
    publish(clerk, "default", "?canary=0.5")
    sessions = {str(uuid4()): "" for _ in range(8)}
    for session in sessions:
        sessions[session] = clerk.run("clerk", "hi", session_id=session).body["variant"]
    wish = {"version": 2, "weight": 0.75}
    clerk.put(ALIAS, {"version": 1, "canary": wish})

    for session, variant in sessions.items():
        again = clerk.run("clerk", "hi", session_id=session).body
        assert variant in ("stable", again["variant"])
    clerk.put(ALIAS, {"version": 2})
    last = clerk.run("clerk", "hi").body
    assert (2, None, "promoted") == (last["version"], last["variant"], canary(clerk)["end"])


def test_agents_are_planned_and_applied(
    cloud: RunningCloud, tenant: Caller, tmp_path: Path
) -> None:
    """From files: the difference first; a canary by one option; its state for people."""
    file = tmp_path / "clerk.yaml"

    def orchstack(*words: str) -> subprocess.CompletedProcess[str]:
        options = ["--url", cloud.state["api_url"], "--key", tenant.key]
        command = [sys.executable, "-m", "orchstack.cli", *options, "agents", *words]
        return subprocess.run(  # noqa: S603 - our own program
            command, capture_output=True, text=True, check=False, timeout=60
        )

    file.write_text("name: clerk\ninstructions: |\n  Be brief.\n  Be kind.\n")
    assert 2 == orchstack("plan", str(tmp_path), "--detailed-exitcode").returncode
    assert "+ clerk: new" in orchstack("apply", str(file)).stdout
    assert 0 == orchstack("plan", str(file), "--detailed-exitcode").returncode

    file.write_text("name: clerk\ninstructions: |\n  Be brief.\n  Be precise.\n")
    applied = orchstack("apply", str(file), "--canary", "10%")
    assert "-  Be kind." not in applied.stdout
    assert "      -Be kind.\n      +Be precise.\n" in applied.stdout
    assert "version 2 answers 10 % of the sessions" in applied.stderr
    assert "version 2 for 10 % of the sessions" in orchstack("canary", "show", "clerk").stdout
    assert "version 1 answers everybody" in orchstack("canary", "abort", "clerk").stdout
