"""What every store of canaries does, and where it lets an alias lead."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from orchstack.control_plane.model.canaries import Canary, CanaryEnd, RollbackRules
from orchstack.control_plane.model.evidence import Arm, Block, Trial
from orchstack.kernel.agents import LIVE
from orchstack.kernel.ids import new_id
from tests import make
from tests.contract.control_plane.worlds import NOW, World, a_version, added

AGENT = "adder"


def a_canary(**changes: Any) -> Canary:
    """A canary of version 2 beside version 1."""
    given = {
        "agent": AGENT,
        "alias": LIVE,
        "generation": 1,
        "stable_version": 1,
        "version": 2,
        "weight": 0.25,
        "rollback": RollbackRules(max_error_rate=0.2),
        "started_at": NOW,
        "started_by": "key:test",
    }
    return Canary.model_validate(given | changes)


def ended(canary: Canary, end: CanaryEnd = CanaryEnd.ABORTED) -> Canary:
    """The same canary, over."""
    over = {"ended_at": NOW, "ended_by": "key:test", "end": end}
    return Canary.model_validate({**dict(canary), **over})


@pytest.fixture
def tenant_id(world: World) -> UUID:
    """A tenant whose agent has two versions, of which the first is live."""
    tenant = added(world)
    world.agents.create(tenant, AGENT, NOW)
    for number in (1, 2):
        document = make.agent_document(description=str(number))
        world.agents.add_version(tenant, a_version(document, number))
    world.agents.point(tenant, AGENT, LIVE, 1, NOW)
    return tenant


def test_a_canary_comes_back_as_it_was_kept(world: World, tenant_id: UUID) -> None:
    """With all that its runs came to."""
    trial = Trial(
        stable=Arm(runs=3, failures=1, cost_micro_usd=2**40),
        open_stable=Block(runs=1, powers=(0.1, 1e9, 3.0, 1e-12)),
        log_odds=(0.1, -2.5),
    )
    world.canaries.start(tenant_id, a_canary())
    world.canaries.keep(tenant_id, a_canary(trial=trial, weight=0.5))

    kept = world.canaries.lock(tenant_id, AGENT, LIVE)

    assert a_canary(trial=trial, weight=0.5) == kept
    assert kept == world.canaries.last(tenant_id, AGENT, LIVE)


def test_one_canary_runs_at_a_time(world: World, tenant_id: UUID) -> None:
    """The next can begin once it is over, and is the last from then on."""
    world.canaries.start(tenant_id, a_canary())
    with pytest.raises(Exception, match=r"canar"):
        world.canaries.start(tenant_id, a_canary(generation=2))

    world.canaries.keep(tenant_id, ended(a_canary()))
    assert world.canaries.lock(tenant_id, AGENT, LIVE) is None
    assert ended(a_canary()) == world.canaries.last(tenant_id, AGENT, LIVE)

    world.canaries.start(tenant_id, a_canary(generation=2))
    assert a_canary(generation=2) == world.canaries.last(tenant_id, AGENT, LIVE)


def test_what_is_over_stays(world: World, tenant_id: UUID) -> None:
    """A late change of a canary that ended changes nothing."""
    world.canaries.start(tenant_id, a_canary())
    over = ended(a_canary(), CanaryEnd.ROLLED_BACK)
    world.canaries.keep(tenant_id, over)
    world.canaries.keep(tenant_id, ended(a_canary(weight=1.0), CanaryEnd.PROMOTED))

    assert over == world.canaries.last(tenant_id, AGENT, LIVE)


def test_a_run_is_taken_once(world: World, tenant_id: UUID) -> None:
    """By each canary."""
    run_id = new_id()
    world.canaries.start(tenant_id, a_canary())

    assert world.canaries.take(tenant_id, a_canary(), run_id)
    assert not world.canaries.take(tenant_id, a_canary(), run_id)
    assert world.canaries.take(tenant_id, a_canary(), new_id())


def test_a_failed_count_leaves_nothing(world: World, tenant_id: UUID) -> None:
    """The mark of a run and what it counts for are one change."""
    run_id = new_id()
    world.canaries.start(tenant_id, a_canary())

    def count_and_fail() -> None:
        with world.canaries.transaction(tenant_id):
            world.canaries.take(tenant_id, a_canary(), run_id)
            raise RuntimeError("the process dies here")

    with pytest.raises(RuntimeError):
        count_and_fail()

    assert world.canaries.take(tenant_id, a_canary(), run_id)


def test_an_alias_leads_to_both_versions_while_a_canary_runs(world: World, tenant_id: UUID) -> None:
    """And to its own alone before and after."""
    before = world.agents.route(tenant_id, AGENT, LIVE)
    world.canaries.start(tenant_id, a_canary())
    during = world.agents.route(tenant_id, AGENT, LIVE)
    world.canaries.keep(tenant_id, ended(a_canary()))

    assert before is not None
    assert before == world.agents.route(tenant_id, AGENT, LIVE)
    assert (1, None) == (before.stable.version, before.canary)
    assert during is not None
    assert during.canary is not None
    assert (1, 2, 1, 0.25) == (
        during.stable.version,
        during.canary.version,
        during.generation,
        during.weight,
    )
    assert "2" == during.canary.document.description


def test_an_alias_that_is_not_there_leads_nowhere(world: World, tenant_id: UUID) -> None:
    """Nor does another tenant's, and its canary is not seen."""
    other = added(world)
    world.canaries.start(tenant_id, a_canary())

    assert world.agents.route(tenant_id, AGENT, "next") is None
    assert world.agents.route(other, AGENT, LIVE) is None
    assert world.agents.alias(other, AGENT, LIVE) is None
    assert 1 == world.agents.alias(tenant_id, AGENT, LIVE)
    assert world.canaries.last(other, AGENT, LIVE) is None


def test_links_are_those_of_live_versions(world: World, tenant_id: UUID) -> None:
    """Of the agents asked for; who has no live version is left out."""
    links = [{"agent": "other", "kind": "tool", "description": "Asks."}]
    linking = make.agent_document(description="links", agents=links)
    world.agents.add_version(tenant_id, a_version(linking, 3))
    assert {AGENT: ()} == world.agents.links(tenant_id, {AGENT, "unknown"})

    world.agents.point(tenant_id, AGENT, LIVE, 3, NOW)
    assert {AGENT: linking.agents} == world.agents.links(tenant_id, {AGENT})
    assert {} == world.agents.links(added(world), {AGENT})
