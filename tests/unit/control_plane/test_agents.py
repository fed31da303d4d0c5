"""Publishing, pointing and finding agents."""

from __future__ import annotations

import pytest

from orchstack.kernel.agents import LIVE
from orchstack.kernel.errors import InvalidCursor, InvalidDocument, InvalidRequest, NotFound
from orchstack.kernel.pagination import PageQuery, encode_cursor
from orchstack.kernel.tenancy import Principal
from tests import make
from tests.unit.control_plane.world import ControlPlane

PUBLISHED = "control_plane.AgentPublished.v1"
MOVED = "control_plane.AliasMoved.v1"


@pytest.fixture
def author(plane: ControlPlane) -> Principal:
    """Somebody who may publish."""
    return plane.tenant()[1]


def _publish(plane: ControlPlane, author: Principal, description: str) -> tuple[int, bool]:
    document = make.agent_document(description=description)
    version, is_new = plane.agents.publish(author, "adder", document)
    return version.version, is_new


def test_versions_count_from_one(plane: ControlPlane, author: Principal) -> None:
    """Each new document is the next version, and live."""
    assert (1, True) == _publish(plane, author, "one")
    assert (2, True) == _publish(plane, author, "two")
    live = plane.agents.get(author.tenant_id, "adder", version=None, alias=None)

    assert (2, ("live",), "two") == (live.version, live.aliases, live.document.description)
    assert [PUBLISHED, PUBLISHED] == plane.announced(author.tenant_id)[-2:]
    assert "agent.publish" == plane.audited(author.tenant_id)[-1]


def test_the_same_document_is_no_new_version(plane: ControlPlane, author: Principal) -> None:
    """Publishing again answers with what is there and announces nothing."""
    _publish(plane, author, "one")
    announced = len(plane.memory.tables.announcements)

    assert (1, False) == _publish(plane, author, "one")
    assert announced == len(plane.memory.tables.announcements)


def test_an_earlier_document_becomes_live_again(plane: ControlPlane, author: Principal) -> None:
    """It is a version already: `live` moves to it, and that is announced."""
    _publish(plane, author, "one")
    _publish(plane, author, "two")

    assert (1, False) == _publish(plane, author, "one")
    assert MOVED == plane.announced(author.tenant_id)[-1]
    assert 1 == plane.agents.effective(author.tenant_id, "adder", None).version


def test_a_faulty_document_leaves_nothing(plane: ControlPlane, author: Principal) -> None:
    """All faults at once; no agent, no version."""
    document = make.agent_document(tools=("abacus",))

    with pytest.raises(InvalidDocument) as refusal:
        plane.agents.publish(author, "other", document)

    assert ["/name", "/tools/0"] == [fault["path"] for fault in refusal.value.faults]
    assert () == plane.agents.page(author.tenant_id, PageQuery()).items


def test_live_can_be_rolled_back(plane: ControlPlane, author: Principal) -> None:
    """Runs are configured by the version that live names, unless they name one themselves."""
    _publish(plane, author, "one")
    _publish(plane, author, "two")

    moved = plane.agents.set_alias(author, "adder", LIVE, 1)

    assert (2, 1) == (moved.previous_version, moved.version)
    assert "one" == plane.agents.effective(author.tenant_id, "adder", None).document.description
    assert "two" == plane.agents.effective(author.tenant_id, "adder", 2).document.description
    assert "alias.move" == plane.audited(author.tenant_id)[-1]


def test_an_alias_that_stays_is_not_announced(plane: ControlPlane, author: Principal) -> None:
    """Setting it again is no change."""
    _publish(plane, author, "one")
    announced = len(plane.memory.tables.announcements)

    assert 1 == plane.agents.set_alias(author, "adder", LIVE, 1).previous_version
    assert announced == len(plane.memory.tables.announcements)


def test_an_alias_needs_something_to_name(plane: ControlPlane, author: Principal) -> None:
    """Neither an unknown version nor an unknown agent."""
    _publish(plane, author, "one")

    with pytest.raises(NotFound):
        plane.agents.set_alias(author, "adder", "next", 2)
    with pytest.raises(NotFound):
        plane.agents.set_alias(author, "unknown", "next", 1)


def test_a_version_is_asked_for_in_one_way(plane: ControlPlane, author: Principal) -> None:
    """By number or by alias."""
    _publish(plane, author, "one")

    with pytest.raises(InvalidRequest):
        plane.agents.get(author.tenant_id, "adder", version=1, alias=LIVE)


def test_another_tenants_agent_is_not_there(plane: ControlPlane, author: Principal) -> None:
    """Whatever is asked of it, the answer is that of an agent that never was."""
    _publish(plane, author, "one")
    _, stranger = plane.tenant()

    for name in ("adder", "unknown"):
        with pytest.raises(NotFound):
            plane.agents.effective(stranger.tenant_id, name, None)
        with pytest.raises(NotFound):
            plane.agents.versions(stranger.tenant_id, name, PageQuery())
        with pytest.raises(NotFound):
            plane.agents.set_alias(stranger, name, LIVE, 1)


def test_pages_are_stable_while_agents_are_published(
    plane: ControlPlane, author: Principal
) -> None:
    """An agent that is published between two pages neither repeats nor hides another."""
    for name in ("b", "d", "f"):
        plane.agents.publish(author, name, make.agent_document(name=name))
    first = plane.agents.page(author.tenant_id, PageQuery(limit=2))
    plane.agents.publish(author, "a", make.agent_document(name="a"))

    rest = plane.agents.page(author.tenant_id, PageQuery(limit=2, cursor=first.next_cursor))

    assert ["b", "d", "f"] == [agent.name for agent in (*first.items, *rest.items)]
    assert not rest.has_more


def test_the_versions_of_one_agent_have_their_own_cursor(
    plane: ControlPlane, author: Principal
) -> None:
    """A cursor of another agent's versions is refused."""
    for description in "abc":
        _publish(plane, author, description)
    plane.agents.publish(author, "other", make.agent_document(name="other"))
    page = plane.agents.versions(author.tenant_id, "adder", PageQuery(limit=2))

    rest = PageQuery(limit=2, cursor=page.next_cursor)

    assert [3, 2] == [version.version for version in page.items]
    versions = plane.agents.versions(author.tenant_id, "adder", rest)
    assert [1] == [version.version for version in versions.items]
    with pytest.raises(InvalidCursor):
        plane.agents.versions(author.tenant_id, "other", rest)


@pytest.mark.parametrize("position", ["-1", "99999999999", "nine", ""])
def test_a_made_up_place_among_versions_is_refused(
    plane: ControlPlane, author: Principal, position: str
) -> None:
    """A cursor can be forged; what no listing issues never reaches the database."""
    _publish(plane, author, "a")
    query = PageQuery(cursor=encode_cursor("versions of adder", position))

    with pytest.raises(InvalidCursor):
        plane.agents.versions(author.tenant_id, "adder", query)


@pytest.mark.parametrize("position", ["a\0", "", "A name"])
def test_a_made_up_place_among_agents_is_refused(
    plane: ControlPlane, author: Principal, position: str
) -> None:
    """Only an agent's name is a place."""
    query = PageQuery(cursor=encode_cursor("agents", position))

    with pytest.raises(InvalidCursor):
        plane.agents.page(author.tenant_id, query)
