"""Sessions as runs make and use them."""

from __future__ import annotations

import importlib
import json
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from orchstack.kernel.tenancy import Principal
from tests import make
from tests.functions.memory_mgr.conftest import Invoke, Reply

SECRET = "the blue heron"


@pytest.fixture
def run(caller: Principal, function_environment: pytest.MonkeyPatch) -> Any:
    """Run the agent in a session and wait."""
    function_environment.setenv("ORCHSTACK_PROVIDERS_SECRET_ARN", "arn:none")
    handler = importlib.import_module("functions.agent_runtime.start_run").handler

    def call(words: str, session_id: str) -> Reply:
        body = {"input": words, "session_id": session_id}
        path = "/v1/agents/adder/runs"
        event = make.rest_event("POST", path, body=body, caller=caller, agent="adder")
        head, *chunks = handler(event, make.LambdaContext(remaining_ms=60_000))
        return Reply(head["statusCode"], head["headers"], "".join(chunks))

    return call


def test_a_run_begins_the_session_it_names(invoke: Invoke, run: Any) -> None:
    """Under the id of the caller's choice, with its first words as the title."""
    session = str(uuid4())
    assert 200 == run("What is 17 * 23?\nPlease.", session).status
    shown = invoke("get_session", session_id=session).body

    assert ("adder", "What is 17 * 23?", 2, []) == (
        shown["agent"],
        shown["title"],
        shown["message_count"],
        shown["active_runs"],
    )
    assert shown["token_count"] > 0


def test_a_run_goes_on_with_a_session_made_before(invoke: Invoke, run: Any) -> None:
    """And remembers what was said, out of the cache."""
    session = invoke("create_session", "POST", body={"agent": "adder"}).body["id"]
    first, second = run("hello", session).body, run("hello", session).body

    assert 4 == invoke("get_session", session_id=session).body["message_count"]
    assert second["usage"]["input_tokens"] > first["usage"]["input_tokens"]


def test_no_run_begins_in_a_deleted_session(invoke: Invoke, run: Any) -> None:
    """It is told that the session is gone, and nothing of it is kept."""
    session = str(uuid4())
    run("hello", session)
    invoke("delete_session", "DELETE", session_id=session)
    refused = run("hello again", session)

    assert (410, "gone") == (refused.status, refused.body["code"])


def test_a_session_takes_the_words_of_its_runs_along(
    invoke: Invoke, run: Any, admin_dsn: str
) -> None:
    """After its deletion no table but the announcements' holds a word of it."""
    session = str(uuid4())
    run(f"Where lives {SECRET}?", session)
    run("hello", session)
    assert 200 == invoke("delete_session", "DELETE", session_id=session).status

    assert [] == _tables_with(SECRET, admin_dsn)


def test_a_busy_session_is_not_deleted(invoke: Invoke, run: Any, admin_dsn: str) -> None:
    """The answer names the run that is under way, and when to ask again."""
    session = str(uuid4())
    run_id = run("hello", session).body["id"]
    with psycopg.connect(admin_dsn) as connection:
        revive = "update app.runs set status = 'running', finished_at = null where run_id = %s"
        connection.execute(revive, [run_id])
    refused = invoke("delete_session", "DELETE", session_id=session)

    assert [run_id] == invoke("get_session", session_id=session).body["active_runs"]
    assert (409, "session_busy", "1") == (
        refused.status,
        refused.body["code"],
        refused.headers["Retry-After"],
    )
    assert run_id in json.dumps(refused.body)


def _tables_with(words: str, dsn: str) -> list[str]:
    """The tables of which a row holds the words."""
    with psycopg.connect(dsn) as connection:
        listed = "select table_name from information_schema.tables where table_schema = 'app'"
        tables = [row[0] for row in connection.execute(listed).fetchall()]
        return [
            table
            for table in tables
            if connection.execute(
                f'select 1 from app."{table}" t where t::text like %s limit 1',  # noqa: S608 - our own names
                [f"%{words}%"],
            ).fetchone()
        ]
