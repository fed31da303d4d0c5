"""Where the client finds the API and a key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchstack.sdk import NotConfigured
from orchstack.sdk.connection import Target, resolve

LOCAL = "http://127.0.0.1:8080"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """No settings, and a state folder of the test's own."""
    for name in ("ORCHSTACK_URL", "ORCHSTACK_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ORCHSTACK_STATE", str(tmp_path))
    return monkeypatch


@pytest.fixture
def local_cloud(tmp_path: Path) -> None:
    """The files of a local cloud."""
    cloud = {"api_url": LOCAL, "platform_key": "os_live_platform"}
    (tmp_path / "cloud.json").write_text(json.dumps(cloud))
    (tmp_path / "credentials.json").write_text(json.dumps({"api_key": "os_live_demo"}))


def test_what_is_given_counts_first(environment: pytest.MonkeyPatch) -> None:
    """Arguments win over the environment."""
    environment.setenv("ORCHSTACK_URL", "http://elsewhere")
    environment.setenv("ORCHSTACK_API_KEY", "k2")

    assert Target("http://given", "k1") == resolve("http://given", "k1")
    assert Target("http://elsewhere", "k2") == resolve()


@pytest.mark.usefixtures("local_cloud")
def test_the_local_cloud_is_found() -> None:
    """Without settings the local cloud and its demo key are used."""
    assert Target(LOCAL, "os_live_demo") == resolve()


@pytest.mark.usefixtures("local_cloud")
def test_the_platform_key_is_used_where_it_is_needed() -> None:
    """For tenants the local cloud's platform key is taken."""
    assert Target(LOCAL, "os_live_platform") == resolve(platform=True)


@pytest.mark.usefixtures("local_cloud")
def test_local_keys_stay_local() -> None:
    """The local cloud's keys are never sent to another address."""
    with pytest.raises(NotConfigured, match="ORCHSTACK_API_KEY"):
        resolve("https://api.example.com")


def test_without_anything_the_next_step_is_named() -> None:
    """Nothing found: the error says how to start or name an installation."""
    with pytest.raises(NotConfigured, match="make up"):
        resolve()


def test_a_damaged_file_is_no_cloud(tmp_path: Path) -> None:
    """A half-written file counts as absent."""
    (tmp_path / "cloud.json").write_text("{")

    with pytest.raises(NotConfigured, match="make up"):
        resolve()


def test_a_key_is_not_shown() -> None:
    """Printing a target does not print its key."""
    assert "secret" not in repr(Target(LOCAL, "secret"))
