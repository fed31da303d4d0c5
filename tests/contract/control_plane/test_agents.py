"""What every store of agents does."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from orchstack.control_plane.model.agents import AgentVersion
from orchstack.kernel.agents import LIVE
from tests import make
from tests.contract.control_plane.worlds import NOW, World, a_version, added


def test_a_version_comes_back_as_it_was_kept(world: World) -> None:
    """By number and by alias, with the aliases that name it."""
    tenant_id = added(world)
    document = make.agent_document(labels={"team": "sums"}, temperature=0.5)
    _publish(world, tenant_id, document.name)
    world.agents.add_version(tenant_id, a_version(document, 2))
    world.agents.point(tenant_id, document.name, "next", 2, NOW)

    found = world.agents.get(tenant_id, document.name, version=2)

    assert found is not None
    assert document == found.document
    assert ("next",) == found.aliases
    assert found == world.agents.get(tenant_id, document.name, alias="next")


def test_what_is_not_there_is_none(world: World) -> None:
    """Unknown agents, versions and aliases, and those of another tenant, look the same."""
    mine, other = added(world), added(world)
    _publish(world, mine, "adder")

    assert world.agents.get(mine, "unknown", alias=LIVE) is None
    assert world.agents.get(mine, "adder", version=2) is None
    assert world.agents.get(mine, "adder", alias="next") is None
    assert world.agents.get(other, "adder", alias=LIVE) is None
    assert [] == world.agents.versions(other, "adder", limit=9, before=None)


def test_only_an_agent_that_is_there_can_be_locked(world: World) -> None:
    """Another tenant's is not there."""
    mine, other = added(world), added(world)
    _publish(world, mine, "adder")

    with world.agents.transaction(mine):
        assert world.agents.lock(mine, "adder")
    with world.agents.transaction(other):
        assert not world.agents.lock(other, "adder")


def test_versions_are_found_by_digest(world: World) -> None:
    """The digest of a document names its version."""
    tenant_id = added(world)
    document = _publish(world, tenant_id, "adder").document

    assert 1 == world.agents.version_with(tenant_id, "adder", a_version(document).digest)
    assert world.agents.version_with(tenant_id, "adder", "0" * 64) is None
    assert 1 == world.agents.latest(tenant_id, "adder")


def test_versions_come_newest_first(world: World) -> None:
    """A page begins below the number it is given."""
    tenant_id = added(world)
    _publish(world, tenant_id, "adder")
    for number in (2, 3):
        document = make.agent_document(description=str(number))
        world.agents.add_version(tenant_id, a_version(document, number))

    page = world.agents.versions(tenant_id, "adder", limit=2, before=None)
    rest = world.agents.versions(tenant_id, "adder", limit=2, before=2)

    assert [3, 2] == [version.version for version in page]
    assert [(1, (LIVE,))] == [(version.version, version.aliases) for version in rest]


def test_agents_come_by_name(world: World) -> None:
    """In the order of character codes, each with its live and its latest version."""
    tenant_id = added(world)
    for name in ("b", "a-b", "ab", "a"):
        _publish(world, tenant_id, name)
    world.agents.add_version(tenant_id, a_version(make.agent_document(name="b", tools=()), 2))
    later = NOW + timedelta(hours=1)
    world.agents.point(tenant_id, "b", "next", 2, later)

    assert ["a", "a-b"] == [a.name for a in world.agents.page(tenant_id, limit=2, after=None)]
    ab, b = world.agents.page(tenant_id, limit=5, after="a-b")

    assert ("ab", "b") == (ab.name, b.name)
    assert (1, 2, NOW, later) == (b.live_version, b.latest_version, b.created_at, b.updated_at)


def test_a_failed_publication_leaves_nothing(world: World) -> None:
    """Agent, version and alias are one change."""
    tenant_id = added(world)

    def publish_and_fail() -> None:
        with world.agents.transaction(tenant_id):
            _publish(world, tenant_id, "adder")
            world.agents.announce(tenant_id, make.announcement(tenant_id))
            raise RuntimeError("the process dies here")

    with pytest.raises(RuntimeError):
        publish_and_fail()

    assert [] == world.agents.page(tenant_id, limit=9, after=None)
    assert 0 == world.announced(tenant_id)


def _publish(world: World, tenant_id: UUID, name: str) -> AgentVersion:
    version = a_version(make.agent_document(name=name))
    world.agents.create(tenant_id, name, NOW)
    world.agents.add_version(tenant_id, version)
    world.agents.point(tenant_id, name, LIVE, 1, NOW)
    return version
