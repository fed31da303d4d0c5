"""`orchstack agents`."""

from __future__ import annotations

import pytest

from tests.unit.cli.kit import AT, Api, judged, page, version


def test_a_shown_document_can_be_applied_again() -> None:
    """`show` prints YAML whose comment says which version it is."""
    answers = {
        "GET /v1/agents/adder": (200, version(2, "live")),
        "POST /v1/agents/adder/validate": (200, judged()),
        "PUT /v1/agents/adder": (201, version(3, "live")),
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
    alias = {"agent": "adder", "alias": "live", "canary": None}
    moved = {**alias, "version": target, "previous_version": 2}
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
