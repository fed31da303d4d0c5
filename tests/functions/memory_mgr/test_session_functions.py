"""Sessions over HTTP: begun, listed, shown, renamed, exported and deleted."""

from __future__ import annotations

import json
from uuid import UUID, uuid4

import psycopg
import pytest
from redis.cluster import RedisCluster

from orchstack.kernel.errors import Gone
from orchstack.kernel.tenancy import Principal, Scope
from orchstack.memory_mgr.adapters import valkey
from orchstack.memory_mgr.model import SessionExport
from orchstack.wiring.memory_mgr import session_memory
from tests import make
from tests.functions.memory_mgr.conftest import Invoke, Say


def begin(invoke: Invoke, **wish: object) -> str:
    """Make a session; gives its id."""
    made = invoke("create_session", "POST", body={"agent": "adder", **wish})
    assert 201 == made.status, made.text
    return str(made.body["id"])


def test_a_session_is_begun_once_a_key(invoke: Invoke) -> None:
    """The same request with its Idempotency-Key gives the same session, and where it is."""
    wish = {"agent": "adder", "title": "Sums", "metadata": {"ticket": "7"}}
    first, again = (
        invoke("create_session", "POST", body=wish, headers={"Idempotency-Key": "one"})
        for _ in range(2)
    )

    assert (201, 201) == (first.status, again.status)
    assert first.body == again.body
    assert f"/v1/sessions/{first.body['id']}" == first.headers["Location"]
    assert ("Sums", {"ticket": "7"}, 0) == (
        first.body["title"],
        first.body["metadata"],
        first.body["message_count"],
    )
    assert [first.body] == invoke("list_sessions").body["items"]


@pytest.mark.parametrize(
    ("wish", "status"),
    [
        ({"agent": "nobody"}, 404),
        ({"agent": "Adder"}, 400),
        ({"title": ""}, 400),
        ({"title": "x" * 201}, 400),
        ({"title": "a\0b"}, 400),
        ({"title": "a\ud800b"}, 400),
        ({"metadata": {"a b": "c"}}, 400),
        ({"id": "none"}, 400),
        ({"colour": "red"}, 400),
    ],
)
def test_a_session_that_cannot_be_is_refused(
    invoke: Invoke, wish: dict[str, object], status: int
) -> None:
    """An unknown agent, a title or name that does not fit, a field nobody knows."""
    assert status == invoke("create_session", "POST", body={"agent": "adder", **wish}).status
    assert [] == invoke("list_sessions").body["items"]


def test_an_id_of_ones_own_can_be_had_once(invoke: Invoke) -> None:
    """The second request is told of the conflict."""
    wish = {"agent": "adder", "id": str(uuid4())}
    first, second = (invoke("create_session", "POST", body=wish) for _ in range(2))

    assert (201, wish["id"]) == (first.status, first.body["id"])
    assert (409, "conflict") == (second.status, second.body["code"])


def test_a_session_shows_what_was_said(invoke: Invoke, say: Say) -> None:
    """Its title, its counts, its messages either way, page by page."""
    session = begin(invoke)
    say(session, "What is 17 * 23?", "391.")
    shown = invoke("get_session", session_id=session).body
    first = invoke("list_messages", session_id=session, query={"limit": "1"}).body
    rest = {"limit": "1", "cursor": first["next_cursor"]}
    second = invoke("list_messages", session_id=session, query=rest).body
    back = invoke("list_messages", session_id=session, query={"order": "desc"}).body

    assert ("What is 17 * 23?", 2, []) == (
        shown["title"],
        shown["message_count"],
        shown["active_runs"],
    )
    assert shown["token_count"] == sum(m["token_count"] for m in back["items"]) > 0
    assert ["What is 17 * 23?"] == [m["content"] for m in first["items"]]
    assert (["391."], None) == ([m["content"] for m in second["items"]], second["next_cursor"])
    assert [2, 1] == [m["seq"] for m in back["items"]]


def test_a_session_is_renamed(invoke: Invoke, say: Say) -> None:
    """And keeps that name whatever is said."""
    session = begin(invoke)
    renamed = invoke("rename_session", "PATCH", body={"title": "Sums"}, session_id=session)
    say(session, "hello")

    assert (200, "Sums") == (renamed.status, renamed.body["title"])
    assert "Sums" == invoke("get_session", session_id=session).body["title"]


def test_a_session_is_written_out(invoke: Invoke, say: Say) -> None:
    """As one document, as lines, or as text; the head says what it is and how to save it."""
    session = begin(invoke)
    for _ in range(60):
        say(session, "17 * 23? żółć", "391.")
    whole = invoke("export_session", session_id=session)
    lines, text = (
        invoke("export_session", session_id=session, query={"format": form})
        for form in ("jsonl", "markdown")
    )

    assert 120 == len(SessionExport.model_validate_json(whole.text).messages)
    assert 120 == len([json.loads(line) for line in lines.text.splitlines()])
    assert text.text.startswith("# 17 * 23? żółć\n")
    types = [reply.headers["Content-Type"] for reply in (whole, lines, text)]
    expected = ["application/json", "application/jsonl", "text/markdown"]
    assert [f"{name}; charset=utf-8" for name in expected] == types
    saved = f'attachment; filename="session-{session}.md"'
    assert saved == text.headers["Content-Disposition"]


def test_a_deleted_session_is_gone(
    invoke: Invoke, say: Say, caller: Principal, admin_dsn: str
) -> None:
    """What was said stands in no table and in no cache; its id begins no other session."""
    session = begin(invoke)
    say(session, "a secret", "I see.")
    deleted, again = (invoke("delete_session", "DELETE", session_id=session) for _ in range(2))
    uses = [
        invoke(name, session_id=session)
        for name in ("get_session", "list_messages", "export_session")
    ]
    uses.append(invoke("rename_session", "PATCH", body={"title": "x"}, session_id=session))
    uses.append(invoke("create_session", "POST", body={"agent": "adder", "id": session}))

    assert (200, session) == (deleted.status, deleted.body["id"])
    assert deleted.body == again.body
    assert [(410, "gone")] * 5 == [(reply.status, reply.body["code"]) for reply in uses]
    with pytest.raises(Gone):
        session_memory().recall(caller.tenant_id, UUID(session), 10)
    with psycopg.connect(admin_dsn) as connection:
        left = connection.execute("select count(*) from app.session_messages").fetchone()
    assert (0,) == left


def test_a_deleted_session_is_in_no_cache(
    invoke: Invoke, say: Say, caller: Principal, cache: RedisCluster
) -> None:
    """The hot copy is dropped with it."""
    session = begin(invoke)
    say(session, "a secret", "I see.")
    store = valkey.ValkeyHotStore(lambda: cache)
    held = store.read(caller.tenant_id, UUID(session), 9)
    invoke("delete_session", "DELETE", session_id=session)

    assert held is not None
    assert 2 == len(held.messages)
    assert store.read(caller.tenant_id, UUID(session), 9) is None


def test_another_tenants_session_is_absent(invoke: Invoke) -> None:
    """The answers differ in nothing but the request's own id and what was asked for."""
    session, stranger = begin(invoke), make.principal()
    calls = {"get_session": "GET", "delete_session": "DELETE", "export_session": "GET"}

    for function, method in calls.items():
        told = []
        for asked in (session, str(uuid4())):
            reply = invoke(function, method, by=stranger, path="/x", session_id=asked)
            told.append({**reply.body, "request_id": ""})
        assert told[0] == told[1]
        assert 404 == told[0]["status"]


def test_sessions_need_their_scopes(invoke: Invoke) -> None:
    """Reading and writing apart."""
    session = begin(invoke)
    reader = make.principal(scopes=frozenset({Scope.SESSIONS_READ, Scope.RUNS_WRITE}))
    writer = make.principal(scopes=frozenset({Scope.SESSIONS_WRITE, Scope.RUNS_READ}))

    assert 403 == invoke("delete_session", "DELETE", by=reader, session_id=session).status
    assert 403 == invoke("get_session", by=writer, session_id=session).status
    assert 403 == invoke("export_session", by=writer, session_id=session).status
