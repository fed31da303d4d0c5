"""Canaries from their beginning to each of their ends."""

from __future__ import annotations

from itertools import count

import pytest

from orchstack.control_plane.model.canaries import CanaryRequest, RollbackRules
from orchstack.kernel.agents import LIVE
from orchstack.kernel.errors import InvalidRequest, NotFound
from orchstack.kernel.ids import new_id
from orchstack.kernel.plain import JsonObject
from orchstack.kernel.tenancy import Principal
from tests import make
from tests.unit.control_plane.world import ControlPlane

STARTED, ADJUSTED, ENDED, ROLLED_BACK, MOVED, PUBLISHED = (
    f"control_plane.{name}.v1"
    for name in (
        "CanaryStarted",
        "CanaryAdjusted",
        "CanaryEnded",
        "CanaryRolledBack",
        "AliasMoved",
        "AgentPublished",
    )
)
STRICT = RollbackRules(max_error_rate=0.2)


@pytest.fixture
def author(plane: ControlPlane) -> Principal:
    """Somebody with an agent of three versions, of which the first is live."""
    author = plane.tenant()[1]
    for description in ("one", "two", "three"):
        plane.agents.publish(author, "adder", make.agent_document(description=description))
    plane.agents.set_alias(author, "adder", LIVE, 1)
    return author


def begin(plane: ControlPlane, author: Principal, version: int = 2, weight: float = 0.5) -> None:
    """Begin a canary, or adjust the one that runs."""
    wish = CanaryRequest(version=version, weight=weight, rollback=STRICT)
    plane.agents.set_alias(author, "adder", LIVE, 1, wish)


def last_event(plane: ControlPlane) -> JsonObject:
    """The data of the event that was written last."""
    return plane.memory.tables.announcements[-1].events[-1].data


def met(plane: ControlPlane, author: Principal) -> set[tuple[int, str | None]]:
    """The versions that many sessions meet."""
    found = (
        plane.agents.effective(author.tenant_id, "adder", None, sticky=str(n)) for n in range(64)
    )
    return {(agent.version, agent.variant) for agent in found}


def test_sessions_meet_two_versions(plane: ControlPlane, author: Principal) -> None:
    """Each is told which; who asks for a version by number gets it without a choice."""
    assert {(1, None)} == met(plane, author)
    begin(plane, author)

    assert {(1, "stable"), (2, "canary")} == met(plane, author)
    assert plane.agents.effective(author.tenant_id, "adder", 2, sticky="x").variant is None
    assert STARTED == plane.announced(author.tenant_id)[-1]
    assert "canary.start" == plane.audited(author.tenant_id)[-1]


@pytest.mark.parametrize(("version", "end"), [(1, "aborted"), (2, "promoted"), (3, "replaced")])
def test_pointing_the_alias_ends_a_canary(
    plane: ControlPlane, author: Principal, version: int, end: str
) -> None:
    """Everybody meets the version it points at; the event says how it ended."""
    begin(plane, author)
    plane.agents.set_alias(author, "adder", LIVE, version)

    assert {(version, None)} == met(plane, author)
    expected = [STARTED, ENDED] if version == 1 else [ENDED, MOVED]
    assert expected == plane.announced(author.tenant_id)[-2:]
    kept = plane.agents.alias(author.tenant_id, "adder", LIVE)
    assert kept.canary is not None
    assert (version, end) == (kept.version, kept.canary.end)


@pytest.mark.parametrize(("description", "end"), [("two", "promoted"), ("four", "replaced")])
def test_publishing_ends_a_canary(
    plane: ControlPlane, author: Principal, description: str, end: str
) -> None:
    """What is published answers everybody."""
    begin(plane, author)
    document = make.agent_document(description=description)
    version, _ = plane.agents.publish(author, "adder", document)

    assert {(version.version, None)} == met(plane, author)
    kept = plane.agents.alias(author.tenant_id, "adder", LIVE)
    assert kept.canary is not None
    assert end == kept.canary.end


def test_a_raised_weight_is_the_same_canary(plane: ControlPlane, author: Principal) -> None:
    """Its counts go on; said again, nothing is announced."""
    begin(plane, author)
    plane.watch.observe(author.tenant_id, "adder", 2, new_id(), failed=False, cost_micro_usd=5)
    begin(plane, author, weight=0.9)
    announced = len(plane.memory.tables.announcements)
    begin(plane, author, weight=0.9)

    kept = plane.agents.alias(author.tenant_id, "adder", LIVE).canary
    assert kept is not None
    assert (1, 0.9, 1, 5) == (
        kept.generation,
        kept.weight,
        kept.canary.runs,
        kept.canary.cost_micro_usd,
    )
    assert ADJUSTED == plane.announced(author.tenant_id)[-1]
    assert announced == len(plane.memory.tables.announcements)


def test_another_version_is_another_canary(plane: ControlPlane, author: Principal) -> None:
    """The one before is replaced; sessions are drawn anew."""
    begin(plane, author)
    begin(plane, author, version=3)

    assert {(1, "stable"), (3, "canary")} == met(plane, author)
    assert [ENDED, STARTED] == plane.announced(author.tenant_id)[-2:]
    kept = plane.agents.alias(author.tenant_id, "adder", LIVE).canary
    assert kept is not None
    assert 2 == kept.generation


def test_a_document_can_begin_as_a_canary(plane: ControlPlane, author: Principal) -> None:
    """In one step; again with another weight, the canary and its rules stay."""
    document = make.agent_document(description="four")
    version, is_new = plane.agents.publish(author, "adder", document, canary=0.5)
    assert (4, True, ()) == (version.version, is_new, version.aliases)
    assert {(1, "stable"), (4, "canary")} == met(plane, author)
    wish = CanaryRequest(version=4, weight=0.5, rollback=STRICT)
    plane.agents.set_alias(author, "adder", LIVE, 1, wish)

    version, is_new = plane.agents.publish(author, "adder", document, canary=0.75)

    kept = plane.agents.alias(author.tenant_id, "adder", LIVE).canary
    assert kept is not None
    assert (4, False) == (version.version, is_new)
    assert (1, 0.75, STRICT) == (kept.generation, kept.weight, kept.rollback)


def test_a_first_version_needs_no_canary(plane: ControlPlane, author: Principal) -> None:
    """There is nothing it could be tried beside: it is live. Nor is the live one its own canary."""
    document = make.agent_document(name="other")
    version, _ = plane.agents.publish(author, "other", document, canary=0.1)
    again, _ = plane.agents.publish(author, "other", document, canary=0.1)

    assert (LIVE,) == version.aliases == again.aliases
    assert plane.agents.alias(author.tenant_id, "other", LIVE).canary is None


def test_a_canary_that_cannot_be_is_refused(plane: ControlPlane, author: Principal) -> None:
    """The same version twice, an alias runs are not sent to, a version that is not there."""
    for alias, version in (("next", 2), (LIVE, 1)):
        wish = CanaryRequest(version=version, weight=0.5)
        with pytest.raises(InvalidRequest):
            plane.agents.set_alias(author, "adder", alias, 1, wish)
    with pytest.raises(NotFound):
        begin(plane, author, version=9)

    assert {(1, None)} == met(plane, author)


def test_a_failing_canary_is_rolled_back(plane: ControlPlane, author: Principal) -> None:
    """The evidence is announced, everybody meets the stable version, later runs change nothing."""
    begin(plane, author)
    tenant = author.tenant_id

    def fail() -> bool:
        run = new_id()
        return plane.watch.observe(tenant, "adder", 2, run, failed=True, cost_micro_usd=1)

    runs = next(n for n in count(1) if fail())

    assert runs <= 10
    assert {(1, None)} == met(plane, author)
    assert ROLLED_BACK == plane.announced(tenant)[-1]
    assert "canary.roll_back" == plane.audited(tenant)[-1]
    told = last_event(plane)
    assert {"runs": runs, "failures": runs, "cost_micro_usd": runs} == told["canary"]
    assert [True] == [f["broken"] for f in told["findings"] if f["rule"] == "max_error_rate"]
    assert not fail()
    assert ROLLED_BACK == plane.announced(tenant)[-1]


def test_only_runs_of_the_canary_count(plane: ControlPlane, author: Principal) -> None:
    """Not those of a third version, of another agent, or begun before it."""
    early = new_id(0)
    begin(plane, author)
    for agent, version, run in (
        ("adder", 3, new_id()),
        ("other", 2, new_id()),
        ("adder", 2, early),
    ):
        tenant = author.tenant_id
        assert not plane.watch.observe(tenant, agent, version, run, failed=True, cost_micro_usd=1)

    kept = plane.agents.alias(author.tenant_id, "adder", LIVE).canary
    assert kept is not None
    assert (0, 0) == (kept.stable.runs, kept.canary.runs)


def test_an_absent_alias_is_not_found(plane: ControlPlane, author: Principal) -> None:
    """Nor is another tenant's."""
    stranger = plane.tenant()[1]
    for tenant_id, alias in ((author.tenant_id, "next"), (stranger.tenant_id, LIVE)):
        with pytest.raises(NotFound):
            plane.agents.alias(tenant_id, "adder", alias)
