"""What every store of answers promises."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest

from orchstack.kernel.db.connect import connector
from orchstack.kernel.db.idempotency import PostgresAnswers
from orchstack.kernel.db.session import Database
from orchstack.kernel.errors import IdempotencyKeyReused, RequestInFlight
from orchstack.kernel.idempotency import Answers, InMemoryAnswers, Slot, StoredAnswer
from orchstack.kernel.ids import new_id
from orchstack.kernel.settings import DatabaseSettings
from tests.make import NOW

ANSWER = StoredAnswer(fingerprint="f1", status=201, body='{"a":"ż"}', headers={"Location": "/1"})

# Two views of one store, as two processes have them.
Views = tuple[Answers, Answers]


@pytest.fixture(params=["memory", "postgres"])
def views(request: pytest.FixtureRequest) -> Iterator[Views]:
    """A store seen from two processes."""
    if request.param == "memory":
        store = InMemoryAnswers()
        yield store, store
        return
    settings: DatabaseSettings = request.getfixturevalue("database_settings")
    with (
        closing(Database(connector(settings))) as one,
        closing(Database(connector(settings))) as two,
    ):
        yield PostgresAnswers(one), PostgresAnswers(two)


@pytest.fixture
def answers(views: Views) -> Answers:
    """A store."""
    return views[0]


@pytest.fixture
def slot() -> Slot:
    """A key nobody used before."""
    return _slot()


def _slot(key: str = "k1") -> Slot:
    return Slot(tenant_id=new_id(), operation="make_thing", key=key)


def _keep(answers: Answers, slot: Slot, answer: StoredAnswer = ANSWER) -> None:
    with answers.claim(slot, NOW) as claim:
        claim.answer = answer


def _stored(answers: Answers, slot: Slot, after: timedelta = timedelta()) -> StoredAnswer | None:
    with answers.claim(slot, NOW + after) as claim:
        return claim.stored


def test_an_answer_is_found_by_its_slot(views: Views, slot: Slot) -> None:
    """What one process stored, another finds whole."""
    here, there = views
    assert _stored(here, slot) is None
    _keep(here, slot)
    assert ANSWER == _stored(there, slot)


@pytest.mark.parametrize("change", ["tenant_id", "operation", "key"])
def test_slots_are_told_apart(answers: Answers, slot: Slot, change: str) -> None:
    """Tenant, operation and key together name an answer."""
    _keep(answers, slot)
    others = {"tenant_id": new_id(), "operation": "other", "key": "k2"}
    other = Slot(**{**vars(slot), change: others[change]})
    assert _stored(answers, other) is None


def test_a_held_slot_is_refused(views: Views, slot: Slot) -> None:
    """While one process works on a request, another is told so; other keys are free."""
    here, there = views
    with here.claim(slot, NOW):
        with pytest.raises(RequestInFlight) as caught:
            _stored(there, slot)
        assert _stored(there, _slot()) is None
    assert caught.value.retry_after_s
    assert _stored(there, slot) is None


def test_an_error_keeps_nothing(views: Views, slot: Slot) -> None:
    """A request that failed leaves no answer, and its slot is free."""
    here, there = views
    with pytest.raises(ZeroDivisionError):
        _keep_and_fail(here, slot)
    assert _stored(there, slot) is None


def _keep_and_fail(answers: Answers, slot: Slot) -> None:
    with answers.claim(slot, NOW) as claim:
        claim.answer = ANSWER
        raise ZeroDivisionError


def test_an_answer_expires_and_may_be_replaced(answers: Answers, slot: Slot) -> None:
    """After a day the slot is as new."""
    _keep(answers, slot)
    day = timedelta(hours=24)
    assert ANSWER == _stored(answers, slot, day - timedelta(seconds=1))
    assert _stored(answers, slot, day) is None
    other = StoredAnswer(fingerprint="f2", status=200, body="{}")
    with answers.claim(slot, NOW + day) as claim:
        claim.answer = other
    assert other == _stored(answers, slot, day)


@pytest.mark.parametrize("key", ["!", "~" * 255, "'; drop table app.outbox; --", "%s%(a)s"])
def test_any_permitted_key_works(answers: Answers, key: str) -> None:
    """A key is data, whatever it looks like."""
    slot = _slot(key)
    _keep(answers, slot)
    assert ANSWER == _stored(answers, slot)


def test_only_the_same_request_is_answered() -> None:
    """Another fingerprint under the same key is refused."""
    assert ANSWER == ANSWER.replay("f1")
    with pytest.raises(IdempotencyKeyReused):
        ANSWER.replay("f2")


def test_the_answer_shares_the_fate_of_the_change(database: Database, slot: Slot) -> None:
    """In PostgreSQL the change and its answer are committed together, or neither is."""
    answers = PostgresAnswers(database)
    with pytest.raises(ZeroDivisionError):
        _change_and_fail(answers, database, slot)
    assert _stored(answers, slot) is None
    assert 0 == _change(database, slot)


def _change_and_fail(answers: Answers, database: Database, slot: Slot) -> None:
    with answers.claim(slot, NOW) as claim:
        claim.answer = ANSWER
        assert 0 == _change(database, slot)
        raise ZeroDivisionError


def _change(database: Database, slot: Slot) -> int:
    """Make a change inside whatever transaction is open; gives how many there were before."""
    with database.transaction(slot.tenant_id) as tx:
        before = len(tx.all("select * from app.inbox"))
        tx.execute(
            "insert into app.inbox (tenant_id, consumer, message_id) values (%s, 'c', %s)",
            (slot.tenant_id, str(new_id())),
        )
    return before
