"""What every hot store of sessions promises."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from redis.cluster import RedisCluster
from redis.exceptions import ConnectionError  # noqa: A004 - redis' own

from orchstack.kernel.chat import Message, Role
from orchstack.kernel.errors import Unavailable
from orchstack.kernel.ids import new_id
from orchstack.memory_mgr.adapters.in_memory import InMemoryHotStore
from orchstack.memory_mgr.adapters.valkey import LIFE_S, MAX_MESSAGES, ValkeyHotStore
from orchstack.memory_mgr.model import HotMessages
from orchstack.memory_mgr.ports import HotStore

TENANT, OTHER, SESSION = new_id(), new_id(), new_id()
TEXT = "quoted ' \" \\ \u4e2d \U0001f600\n"


def hot(*words: str, count: int | None = None) -> HotMessages:
    """A new state of a session: its newest words, of as many as there are."""
    messages = tuple(Message(role=Role.USER, content=word, seq=1) for word in words)
    return HotMessages(version=new_id(), message_count=count or len(words), messages=messages)


@pytest.fixture(params=["memory", "valkey"])
def store(request: pytest.FixtureRequest) -> HotStore:
    """Each store that ships, empty."""
    if request.param == "memory":
        return InMemoryHotStore()
    client: RedisCluster = request.getfixturevalue("cache")
    return ValkeyHotStore(lambda: client)


@pytest.fixture
def valkey_store(cache: RedisCluster) -> Callable[[int], ValkeyHotStore]:
    """Make a store in Valkey that holds so many bytes a session."""
    return lambda size: ValkeyHotStore(lambda: cache, max_bytes=size)


def test_what_is_held_comes_back(store: HotStore) -> None:
    """With its version and the count of all messages; a limit gives the last."""
    state = hot("a", TEXT, "c", count=9)
    store.fill(TENANT, SESSION, state)

    assert state == store.read(TENANT, SESSION, 10)
    assert replace(state, messages=state.messages[-2:]) == store.read(TENANT, SESSION, 2)


def test_the_newest_state_replaces_another(store: HotStore) -> None:
    """What is filled in later is all that is held."""
    later = hot("z")
    store.fill(TENANT, SESSION, hot("a", "b"))
    store.fill(TENANT, SESSION, later)

    assert later == store.read(TENANT, SESSION, 10)


def test_what_follows_is_added(store: HotStore) -> None:
    """Messages on top of the version that is held make the next version."""
    first, more = hot("a", "b"), hot("c", count=3)
    store.fill(TENANT, SESSION, first)
    store.extend(TENANT, SESSION, first.version, more)

    expected = replace(more, messages=(*first.messages, *more.messages))
    assert expected == store.read(TENANT, SESSION, 10)


def test_what_does_not_follow_is_not_added(store: HotStore) -> None:
    """On top of another version, or of nothing, nothing changes."""
    first = hot("a")
    store.extend(TENANT, SESSION, first.version, hot("b", count=2))
    assert store.read(TENANT, SESSION, 10) is None

    store.fill(TENANT, SESSION, first)
    store.extend(TENANT, SESSION, new_id(), hot("b", count=2))
    assert first == store.read(TENANT, SESSION, 10)


def test_a_dropped_session_is_forgotten(store: HotStore) -> None:
    """And no other one."""
    other, state = new_id(), hot("b")
    store.fill(TENANT, SESSION, hot("a"))
    store.fill(TENANT, other, state)
    store.drop(TENANT, SESSION)
    store.drop(TENANT, new_id())

    assert store.read(TENANT, SESSION, 10) is None
    assert state == store.read(TENANT, other, 10)


def test_tenants_hold_their_own(store: HotStore) -> None:
    """The same id of another tenant is another session."""
    store.fill(TENANT, SESSION, hot("a"))
    store.drop(OTHER, SESSION)

    assert store.read(OTHER, SESSION, 10) is None
    assert store.read(TENANT, SESSION, 10) is not None


def test_valkey_holds_so_many_messages(valkey_store: Callable[[int], ValkeyHotStore]) -> None:
    """The oldest go first; the count still tells of all."""
    store, first = valkey_store(10**6), hot(*"a" * MAX_MESSAGES)
    store.fill(TENANT, SESSION, first)
    store.extend(TENANT, SESSION, first.version, hot("y", "z", count=MAX_MESSAGES + 2))
    held = store.read(TENANT, SESSION, 1_000)

    assert held is not None
    assert (MAX_MESSAGES, MAX_MESSAGES + 2) == (len(held.messages), held.message_count)
    assert ["a", "y", "z"] == [message.content for message in held.messages[-3:]]


def test_valkey_holds_so_many_bytes(valkey_store: Callable[[int], ValkeyHotStore]) -> None:
    """The oldest go first; of a message that is too large by itself nothing is held."""
    store, first = valkey_store(2_000), hot("x" * 950, "y" * 950)
    store.fill(TENANT, SESSION, first)
    store.extend(TENANT, SESSION, first.version, hot("z" * 950, count=3))
    held = store.read(TENANT, SESSION, 10)
    store.fill(TENANT, SESSION, hot("\u4e2d" * 900))
    nothing = store.read(TENANT, SESSION, 10)

    assert held is not None
    assert ["z"] == [message.content[0] for message in held.messages]
    assert nothing is not None
    assert () == nothing.messages


def test_valkey_forgets_in_time(
    valkey_store: Callable[[int], ValkeyHotStore], cache: RedisCluster
) -> None:
    """Every key is a tenant's, and lives for an hour after its last use."""
    valkey_store(10**6).fill(TENANT, SESSION, hot("a"))
    keys = list(cache.scan_iter())

    assert 2 == len(keys)
    assert all(key.startswith(f"{{{TENANT}}}:session:{SESSION}:") for key in keys)
    assert all(0 < cache.ttl(key) <= LIFE_S for key in keys)


def test_a_cache_that_is_away_says_so() -> None:
    """Every use raises Unavailable, and no error of the vendor's."""

    def refuse() -> RedisCluster:
        raise ConnectionError

    store = ValkeyHotStore(refuse)
    uses: tuple[Callable[[], object], ...] = (
        lambda: store.read(TENANT, SESSION, 1),
        lambda: store.fill(TENANT, SESSION, hot("a")),
        lambda: store.extend(TENANT, SESSION, new_id(), hot("a")),
        lambda: store.drop(TENANT, SESSION),
    )
    for use in uses:
        with pytest.raises(Unavailable):
            use()
