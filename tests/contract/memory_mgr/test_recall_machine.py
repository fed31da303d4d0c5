"""Whatever happens to the cache, a session is recalled as it was said."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import ClassVar
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    rule,
    run_state_machine_as_test,
)
from redis.cluster import RedisCluster

from orchstack.kernel.chat import Message, Role, ToolCall
from orchstack.kernel.clock import ManualClock
from orchstack.kernel.errors import Gone, Unavailable
from orchstack.kernel.ids import new_id
from orchstack.memory_mgr.adapters.in_memory import InMemoryHotStore
from orchstack.memory_mgr.adapters.valkey import ValkeyHotStore
from orchstack.memory_mgr.model import HotMessages, NewSession
from orchstack.memory_mgr.ports import HotStore
from orchstack.memory_mgr.service.hot import HotHistory
from orchstack.memory_mgr.service.memory import SessionMemory
from tests.contract.memory_mgr import worlds
from tests.contract.memory_mgr.worlds import TENANT, World

AT = datetime(2026, 1, 1, tzinfo=UTC)
texts = st.lists(st.text(max_size=6), min_size=1, max_size=4)
limits = st.integers(0, 12)


class Fickle:
    """A hot store that is away at times."""

    def __init__(self, store: HotStore) -> None:
        self.store = store
        self.away = False

    def read(self, tenant_id: UUID, session_id: UUID, limit: int) -> HotMessages | None:
        """Read, if it is there."""
        self._answer()
        return self.store.read(tenant_id, session_id, limit)

    def fill(self, tenant_id: UUID, session_id: UUID, newest: HotMessages) -> None:
        """Fill, if it is there."""
        self._answer()
        self.store.fill(tenant_id, session_id, newest)

    def extend(self, tenant_id: UUID, session_id: UUID, before: UUID, newest: HotMessages) -> None:
        """Extend, if it is there."""
        self._answer()
        self.store.extend(tenant_id, session_id, before, newest)

    def drop(self, tenant_id: UUID, session_id: UUID) -> None:
        """Drop, if it is there."""
        self._answer()
        self.store.drop(tenant_id, session_id)

    def _answer(self) -> None:
        if self.away:
            raise Unavailable


class Conversations(RuleBasedStateMachine):
    """Sessions in which two processes speak; each has a clock, and one cache between them."""

    make: ClassVar[Callable[[], tuple[World, HotStore]]]
    sessions = Bundle("sessions")

    def __init__(self) -> None:
        super().__init__()
        self.world, store = type(self).make()
        self.hot, self.clock = Fickle(store), ManualClock()
        self.memory = SessionMemory(self.world.messages, HotHistory(self.hot, self.clock))
        self.said: dict[UUID, list[str]] = {}

    @rule(target=sessions)
    def begin(self) -> UUID:
        """Begin a session."""
        wanted = NewSession(id=new_id(), agent="adder", title="", metadata={}, at=AT)
        self.world.sessions.create(TENANT, wanted)
        self.said[wanted.id] = []
        return wanted.id

    @rule(session=sessions, words=texts, calls=st.booleans(), fails=st.booleans())
    def remember(self, session: UUID, words: list[str], *, calls: bool, fails: bool) -> None:
        """Say something; it is kept unless the transaction fails."""
        turns = [Message(role=Role.USER, content=word) for word in words]
        if calls:
            wish = ToolCall(id="1", name="calculator", arguments={"b": 1.5, "a": [2]})
            turns.append(Message(role=Role.ASSISTANT, tool_calls=(wish,)))
        with suppress(KeyError), self.world.sessions.transaction(TENANT):
            self.memory.remember(TENANT, session, new_id(), turns)
            if fails:
                raise KeyError
        if not fails and session in self.said:
            kept = [m.content.replace("\0", "\ufffd") for m in turns]
            self.said[session] += kept

    @rule(session=sessions, limit=limits)
    def recall(self, session: UUID, limit: int) -> None:
        """What is recalled is what was said, or nothing of what was deleted."""
        if session not in self.said:
            with pytest.raises(Gone):
                self.memory.recall(TENANT, session, limit)
            return
        recalled = self.memory.recall(TENANT, session, limit)
        bare = SessionMemory(self.world.messages).recall(TENANT, session, limit)

        assert bare == recalled
        said = self.said[session]
        assert said[len(said) - len(recalled) :] == [message.content for message in recalled]
        assert len(recalled) >= min(limit, len(said)) - 1

    @rule(session=sessions)
    def drop_the_copy(self, session: UUID) -> None:
        """The cache forgets a session."""
        self.hot.store.drop(TENANT, session)

    @rule(session=sessions)
    def delete(self, session: UUID) -> None:
        """Delete a session."""
        if self.said.pop(session, None) is not None:
            self.world.sessions.erase(TENANT, session, AT)

    @rule(away=st.booleans())
    def lose_the_cache(self, *, away: bool) -> None:
        """The cache goes away, or comes back and is asked again."""
        self.hot.away = away
        self.clock.advance(10)


def _run(examples: int) -> None:
    plan = settings(
        max_examples=examples,
        stateful_step_count=30,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Conversations, settings=plan)


def test_recall_is_right_in_memory() -> None:
    """Over stores in memory: the cache is lost, empty or behind, and nothing of it is noticed."""
    Conversations.make = staticmethod(lambda: (worlds.in_memory(), InMemoryHotStore()))
    _run(200)


def test_recall_is_right_for_real(postgres_world: World, cache: RedisCluster) -> None:
    """Over PostgreSQL and Valkey the same."""
    store = ValkeyHotStore(lambda: cache, max_bytes=700)
    Conversations.make = staticmethod(lambda: (postgres_world, store))
    _run(30)
