"""Following events through the client, over the event bus's own listing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import islice
from urllib.parse import parse_qs, urlsplit

import pytest

from orchstack.event_bus.adapters.in_memory import InMemoryOutbox
from orchstack.event_bus.api import EventsQuery
from orchstack.event_bus.model import OutboxEntry, Selection, Settlement
from orchstack.event_bus.service import Listing
from orchstack.kernel.ids import new_id
from orchstack.sdk import HttpRequest, HttpResponse, MockTransport, OrchStack, Retries
from tests.make import event

TENANT = new_id()


class Bus:
    """The real listing behind a transport; a client that waits makes the next event happen."""

    def __init__(self, *subjects: str, later: Sequence[str] = ()) -> None:
        """Publish some events now, and one more each time somebody waits."""
        self._outbox = InMemoryOutbox()
        self._later = list(later)
        for subject in subjects:
            self.publish(subject)

    def publish(self, subject: str) -> None:
        """Announce and relay an event."""
        self._outbox.write(event(TENANT, subject=subject))
        self._outbox.next_batch(_take, passing=frozenset())

    def client(self) -> OrchStack:
        """A client of this bus."""
        retries = Retries(sleep=lambda _: self.publish(self._later.pop(0)))
        return OrchStack("http://x", "k", transport=MockTransport(self._answer), retries=retries)

    def _answer(self, request: HttpRequest) -> HttpResponse:
        pairs = parse_qs(urlsplit(request.url).query)
        query = EventsQuery.model_validate({name: values[0] for name, values in pairs.items()})
        selection = Selection(
            limit=query.limit, order=query.order, kind=query.type, subject=query.subject
        )
        page = Listing(self._outbox).events(TENANT, selection, query.cursor)
        return HttpResponse(200, {}, [page.model_dump_json().encode()])


def _take(entries: Sequence[OutboxEntry]) -> Settlement:
    return Settlement(tuple(entries))


def subjects(bus: Bus, count: int, last: int) -> list[str]:
    """The first subjects of a tail."""
    return [e.subject for e in islice(bus.client().events.tail(last=last), count)]


@pytest.mark.parametrize(
    ("last", "expected"),
    [(0, ["d", "e"]), (1, ["c", "d", "e"]), (2, ["b", "c", "d", "e"]), (3, ["a", "b", "c", "d"])],
)
def test_a_tail_begins_with_the_last_events_and_goes_on(last: int, expected: list[str]) -> None:
    """As many of the old ones as asked for, oldest first, then each new one, none twice."""
    bus = Bus("a", "b", "c", later=["d", "e"])

    assert expected == subjects(bus, len(expected), last)


@pytest.mark.parametrize("last", [0, 5])
def test_a_tail_of_nothing_waits_for_the_first_event(last: int) -> None:
    """Where there is no event yet, the first one comes."""
    assert ["a", "b"] == subjects(Bus(later=["a", "b"]), 2, last)


def test_events_are_read_as_values() -> None:
    """A CloudEvent's attributes and data are at hand, the time as a datetime."""
    (found,) = Bus("a").client().events.list()

    assert ("control_plane.AgentPublished.v1", 2026) == (found.type, found.time.year)
    assert json.dumps(dict(found.data)) == '{"agent": "adder", "version": 1}'
