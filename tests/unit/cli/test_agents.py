"""`orchstack agents`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.cli.kit import AT, Api, page, problem, version

YAML = """\
name: adder
instructions: Add.
limits:
  max_steps: 99
tools:
  - calculator
  - hammer
labels: {since: 2026-01-01}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A document with two faults that only the server finds."""
    path = tmp_path / "adder.yaml"
    path.write_text(YAML, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("status", "word"), [(201, "version 3 published and live"), (200, "version 3 unchanged")]
)
def test_applying_says_what_came_of_it(file: Path, status: int, word: str) -> None:
    """A new version, or the one that is there already; dates stay text."""
    api = Api({"PUT /v1/agents/adder": (status, version(3, "live"))})
    result = api.run("agents", "apply", str(file))

    assert 0 == result.exit_code
    assert word in result.output
    assert {"since": "2026-01-01"} == api.sent()["labels"]


def test_a_fault_is_told_where_it_was_written(file: Path) -> None:
    """The server's JSON Pointers become file:line:column; a missing place, its parent's."""
    faults = [
        {"path": "/limits/max_steps", "message": "should be less than 50"},
        {"path": "/tools/1", "message": "is not known"},
        {"path": "/limits/max_seconds", "message": "is missing"},
        {"path": "", "message": "is strange"},
    ]
    refused = problem(422, "invalid_document", faults=faults)
    result = Api({"PUT /v1/agents/adder": (422, refused)}).run("agents", "apply", str(file))

    assert 1 == result.exit_code
    assert f"{file}:4:14: /limits/max_steps: should be less than 50" in result.output
    assert f"{file}:7:5: /tools/1" in result.output
    assert f"{file}:4:3: /limits/max_seconds" in result.output
    assert f"{file}:1:1: /: is strange" in result.output


def test_one_faulty_document_does_not_hide_the_others() -> None:
    """Of two documents in one stream the good one is published, the other is told."""
    text = "name: bad\n---\nname: adder\n"
    refused = problem(422, "invalid_document", faults=[{"path": "/name", "message": "is bad"}])
    answers = {"PUT /v1/agents/bad": (422, refused), "PUT /v1/agents/adder": (201, version(1))}
    result = Api(answers).run("agents", "apply", "-", "--json", stdin=text)
    found = json.loads(result.stdout)

    assert 1 == result.exit_code
    assert [{"path": "/name", "message": "is bad", "line": 1, "column": 7}] == found[0]["faults"]
    assert ("adder", 1, True) == (found[1]["agent"], found[1]["version"], found[1]["created"])


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("name: [\n", ":2:1:"),
        ("name: a\nname: b\n", ":2:1: `name` stands here twice"),
        ("- a\n", ":1:1: an agent is a mapping"),
        ("a: &x 1\nb: *x\n", ":2:4: aliases are not used here"),
        ("name: !!python/object:os.system x\n", ":1:7:"),
    ],
)
def test_a_file_that_cannot_be_read_sends_nothing(tmp_path: Path, text: str, place: str) -> None:
    """A fault of the YAML itself is told with its place, before anything is published."""
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(YAML)
    bad.write_text(text)
    api = Api()
    result = api.run("agents", "apply", str(good), str(bad))

    assert (1, []) == (result.exit_code, api.requests)
    assert f"{bad}{place}" in result.output


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    """The file's name and the reason."""
    result = Api().run("agents", "apply", str(tmp_path / "none.yaml"))

    assert 1 == result.exit_code
    assert "none.yaml: No such file" in result.output


def test_a_shown_document_can_be_applied_again() -> None:
    """`show` prints YAML whose comment says which version it is."""
    answers = {
        "GET /v1/agents/adder": (200, version(2, "live")),
        "PUT /v1/agents/adder": (200, version(2, "live")),
    }
    api = Api(answers)
    shown = api.run("agents", "show", "adder", "--version", "2").output
    api.run("agents", "apply", "-", stdin=shown)

    assert shown.startswith("# adder: version 2, live")
    assert version(2)["document"] == api.sent()


def test_agents_are_listed() -> None:
    """Name, live and latest version."""
    agent = {
        "name": "adder",
        "description": "Adds [up].",
        "live_version": 1,
        "latest_version": 3,
        "created_at": AT,
        "updated_at": AT,
    }
    output = Api({"GET /v1/agents": page(agent)}).run("agents", "list").output

    assert "adder  1     3       2026-01-01 00:00:00  Adds [up]." in output


def test_versions_show_their_aliases() -> None:
    """Newest first, with the aliases that name them."""
    versions = page(version(3), version(2, "live", "stable"))
    output = Api({"GET /v1/agents/adder/versions": versions}).run("agents", "versions", "adder")

    assert "live stable" in output.output


@pytest.mark.parametrize(
    ("words", "target"), [((), 1), (("--to", "3"), 3)], ids=["before", "given"]
)
def test_a_rollback_moves_live(words: tuple[str, ...], target: int) -> None:
    """Without --to, `live` goes to the version before the one it names."""
    moved = {"agent": "adder", "alias": "live", "version": target, "previous_version": 2}
    api = Api(
        {
            "GET /v1/agents/adder/versions": page(version(3), version(2, "live"), version(1)),
            "PUT /v1/agents/adder/aliases/live": (200, moved),
        }
    )
    result = api.run("agents", "rollback", "adder", *words)

    assert {"version": target} == api.sent()
    assert f"live names version {target}, not 2" in result.output


def test_there_may_be_nothing_to_go_back_to() -> None:
    """The first version has none before it, and nothing is moved."""
    api = Api({"GET /v1/agents/adder/versions": page(version(1, "live"))})
    result = api.run("agents", "rollback", "adder")

    assert 1 == result.exit_code
    assert "no version before" in result.output
