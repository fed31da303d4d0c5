"""What `orchstack up` prepares and what `orchstack reset` forgets."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from orchstack.cli.demo import ensure_agent
from orchstack.cli.state import read, running_cloud, write_private
from orchstack.cli.synthesis import fingerprint, up_to_date
from orchstack.local.lock import StateLock
from orchstack.sdk import MockTransport, OrchStack
from tests.unit.cli.kit import Api, version


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with what a template is made of."""
    for name in ("infra_cdk/app.py", "functions/event_bus/relay_outbox.py", "cdk.json"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("a")
    return tmp_path


def test_a_handlers_code_does_not_change_the_template(checkout: Path) -> None:
    """Only its existence does: code is read where it is written."""
    before = fingerprint(checkout)
    (checkout / "functions/event_bus/relay_outbox.py").write_text("b")
    same = fingerprint(checkout)
    (checkout / "functions/event_bus/list_events.py").write_text("")

    assert before == same
    assert same != fingerprint(checkout)


@pytest.mark.parametrize("name", ["infra_cdk/app.py", "cdk.json"])
def test_what_the_template_is_made_of_changes_it(checkout: Path, name: str) -> None:
    """The CDK app and its flags are read whole."""
    before = fingerprint(checkout)
    (checkout / name).write_text("b")

    assert before != fingerprint(checkout)


def test_an_assembly_is_used_again_until_its_sources_change(checkout: Path) -> None:
    """The stamp beside the assembly tells."""
    target = checkout / "cdk.out"
    target.mkdir()
    assert not up_to_date(checkout, target)

    (checkout / "cdk.out.sha256").write_text(fingerprint(checkout))
    assert up_to_date(checkout, target)

    (checkout / "cdk.json").write_text("b")
    assert not up_to_date(checkout, target)


@pytest.mark.parametrize(("exists", "requests"), [(True, ["GET"]), (False, ["GET", "PUT"])])
def test_the_demos_agent_is_published_once(
    tmp_path: Path, requests: list[str], *, exists: bool
) -> None:
    """An agent of that name is left as it is: it may have been changed."""
    document = tmp_path / "assistant.yaml"
    document.write_text("name: assistant\ninstructions: Help.\n")
    api = Api({"PUT /v1/agents/assistant": (201, version(1, "live"))})
    if exists:
        api.answers["GET /v1/agents/assistant"] = (200, version(1, "live"))

    ensure_agent(OrchStack("http://x", "k", transport=MockTransport(api)), document)

    assert requests == [request.method for request in api.requests]


def test_keys_are_kept_for_their_owner_only(tmp_path: Path) -> None:
    """The file with the demo's key cannot be read by others."""
    file = tmp_path / "credentials.json"
    write_private(file, {"api_key": "k"})

    assert {"api_key": "k"} == read(file)
    assert 0o600 == stat.S_IMODE(file.stat().st_mode)


def test_a_cloud_whose_process_ended_does_not_run(tmp_path: Path) -> None:
    """What a crash left behind is not taken for a running cloud."""
    write_private(tmp_path / "cloud.json", {"pid": 2**22 + 1, "api_url": "http://x"})

    assert running_cloud(tmp_path) is None


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder with something of ours and something that is not."""
    folder = tmp_path / "state"
    (folder / "postgres" / "data").mkdir(parents=True)
    (folder / "credentials.json").write_text("{}")
    (folder / "notes.txt").write_text("mine")
    monkeypatch.setenv("ORCHSTACK_STATE", str(folder))
    return folder


def test_reset_forgets_what_is_ours(state: Path) -> None:
    """What somebody else put into the folder stays."""
    result = Api().run("reset", "--yes")

    assert 0 == result.exit_code
    assert ["notes.txt"] == [path.name for path in state.iterdir()]


def test_reset_asks_first(state: Path) -> None:
    """A no leaves everything."""
    result = Api().run("reset", stdin="n\n")

    assert 1 == result.exit_code
    assert (state / "credentials.json").exists()


def test_reset_waits_for_nobody(state: Path) -> None:
    """While a local cloud uses the folder, it is named and nothing is forgotten."""
    lock = StateLock(state)
    lock.acquire()
    result = Api().run("reset", "--yes")
    lock.release()

    assert 1 == result.exit_code
    assert "in use by process" in result.stderr
    assert (state / "credentials.json").exists()
