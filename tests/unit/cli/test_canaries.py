"""`orchstack agents canary`."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.cli.kit import AT, Api

ALIAS = "/v1/agents/adder/aliases/live"


def canary(**changes: Any) -> dict[str, Any]:
    """A canary of version 3 beside version 2."""
    finding = {
        "rule": "max_error_rate",
        "bound": 0.2,
        "observed": 0.5,
        "e_value": 12.34,
        "needed": 300.0,
        "broken": False,
    }
    given = {
        "generation": 1,
        "stable_version": 2,
        "version": 3,
        "weight": 0.1,
        "rollback": {"max_error_rate": 0.2, "max_error_ratio": 1.25, "max_cost_ratio": None},
        "stable": {"runs": 90, "failures": 9, "cost_micro_usd": 90_000},
        "canary": {"runs": 0, "failures": 0, "cost_micro_usd": 0},
        "findings": [finding],
        "started_at": AT,
        "started_by": "key:k-1",
        "ended_at": None,
        "ended_by": None,
        "end": None,
    }
    return given | changes


def api(kept: dict[str, Any] | None, **moved: Any) -> Api:
    """An API whose alias `live` has this canary, and moves so."""
    alias = {"agent": "adder", "alias": "live", "version": 2, "canary": kept}
    after = {**alias, "previous_version": 2, "canary": None, **moved}
    return Api({f"GET {ALIAS}": (200, alias), f"PUT {ALIAS}": (200, after)})


def test_a_canary_is_shown_with_its_evidence() -> None:
    """Its share, the runs of both versions, and how far each rule is."""
    output = api(canary()).run("agents", "canary", "show", "adder").output

    assert "version 3 for 10 % of the sessions, beside version 2" in output
    assert "2 (stable)  90    9 (10.0%)  $0.001000" in output
    assert "3 (canary)  0     -" in output
    assert "max_error_rate  0.2    0.5   12.3      300" in output


def test_the_end_of_a_canary_is_shown() -> None:
    """Who or what ended it; an agent may have had none."""
    over = canary(end="rolled_back", ended_at=AT, ended_by="system:control_plane")
    output = api(over).run("agents", "canary", "show", "adder").output

    assert "by system:control_plane: its rules rolled it back" in output
    assert "has had no canary" in api(None).run("agents", "canary", "show", "adder").output


def test_a_canary_is_promoted_or_aborted() -> None:
    """The alias names the version of the one or of the other, alone."""
    for command, version in (("promote", 3), ("abort", 2)):
        used = api(canary(), version=version)
        result = used.run("agents", "canary", command, "adder")

        assert (0, {"version": version}) == (result.exit_code, used.sent())
        assert f"version {version}" in result.output


@pytest.mark.parametrize("kept", [None, canary(end="aborted")], ids=["none", "over"])
@pytest.mark.parametrize("command", ["promote", "abort"])
def test_only_a_running_canary_ends(command: str, kept: dict[str, Any] | None) -> None:
    """Else nothing is moved."""
    used = api(kept)
    result = used.run("agents", "canary", command, "adder")

    assert (1, 1) == (result.exit_code, len(used.requests))
    assert "no canary that runs" in result.output


def test_a_canary_is_started() -> None:
    """With the rules given; the others are the API's own."""
    used = api(None)
    words = ("--version", "3", "--weight", "25%", "--rule", "max_error_rate=0.1")
    result = used.run("agents", "canary", "start", "adder", *words)

    wish = {"version": 3, "weight": 0.25, "rollback": {"max_error_rate": 0.1}}
    assert {"version": 2, "canary": wish} == used.sent()
    assert "version 3 answers 25 % of the sessions" in result.output


def test_a_running_canary_keeps_its_rules() -> None:
    """Given another share, only the rules named change; `off` switches one off."""
    used = api(canary())
    words = ("--version", "3", "--weight", "0.5", "--rule", "max_error_rate=off")
    used.run("agents", "canary", "start", "adder", *words)

    rules = {"max_error_rate": None, "max_error_ratio": 1.25, "max_cost_ratio": None}
    assert {"version": 3, "weight": 0.5, "rollback": rules} == used.sent()["canary"]


def test_a_rule_without_a_bound_is_a_wrong_command_line() -> None:
    """Nothing is sent."""
    used = api(None)
    words = ("--version", "3", "--weight", "0.5", "--rule", "max_error_rate")

    assert 2 == used.run("agents", "canary", "start", "adder", *words).exit_code
    assert [] == used.requests
