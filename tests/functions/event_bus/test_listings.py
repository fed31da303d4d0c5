"""list_events and list_audit, as API Gateway calls them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from functions.event_bus import list_audit, list_events
from orchstack.event_bus.adapters.postgres import PostgresOutbox
from orchstack.event_bus.model import Settlement
from orchstack.kernel.db.outbox import write
from orchstack.kernel.db.session import Database
from orchstack.kernel.events import Announcement
from orchstack.kernel.tenancy import Principal, Scope
from tests.make import LambdaContext, audit_entry, event, principal, rest_event

Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def caller(database: Database, platform_database: Database) -> Principal:
    """A tenant with three published events and two audit entries."""
    found = principal()
    announced = Announcement(
        events=tuple(event(found.tenant_id, subject=name) for name in "abc"),
        audit=tuple(audit_entry(found.tenant_id) for _ in range(2)),
    )
    with database.transaction(found.tenant_id) as tx:
        write(tx, announced)
    outbox = PostgresOutbox(platform_database)
    outbox.next_batch(lambda entries: Settlement(tuple(entries)), passing=frozenset())
    return found


def ask(handler: Any, caller: Principal, query: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
    """Call the listing; gives status and body."""
    request = rest_event(path="/v1/events", query=query, caller=caller)
    answer = handler(request, LambdaContext())
    return answer["statusCode"], json.loads(answer["body"])


@pytest.mark.usefixtures("aws")
def test_events_are_listed_newest_first(caller: Principal) -> None:
    """A page holds CloudEvents; the cursor leads on."""
    status, page = ask(list_events.handler, caller, {"limit": "2"})
    _, rest = ask(list_events.handler, caller, {"cursor": page["next_cursor"]})

    assert (200, True) == (status, page["has_more"])
    assert ["c", "b"] == [item["subject"] for item in page["items"]]
    assert ["a"] == [item["subject"] for item in rest["items"]]


@pytest.mark.usefixtures("aws")
def test_the_audit_log_is_listed(caller: Principal) -> None:
    """Audit entries come with their facts, for keys with the scope."""
    status, page = ask(list_audit.handler, caller, {})

    assert (200, 2) == (status, len(page["items"]))


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"limit": "0"}, "invalid_request"),
        ({"order": "sideways"}, "invalid_request"),
        ({"type": "x"}, "invalid_request"),
        ({"unknown": "1"}, "invalid_request"),
        ({"cursor": "AAAA"}, "invalid_cursor"),
    ],
)
def test_a_bad_query_is_named(caller: Principal, query: dict[str, str], code: str) -> None:
    """Each fault is a problem document that says which."""
    status, problem = ask(list_events.handler, caller, query)

    assert (400, code) == (status, problem["code"])


@pytest.mark.usefixtures("aws")
def test_each_listing_wants_its_scope(caller: Principal) -> None:
    """A key without the scope is refused."""
    poor = caller.model_copy(update={"scopes": frozenset({Scope.RUNS_READ})})

    assert 403 == ask(list_events.handler, poor, {})[0]
    assert 403 == ask(list_audit.handler, poor, {})[0]
