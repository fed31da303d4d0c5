"""Sessions from the first word to the last, over the local cloud."""

from __future__ import annotations

import json
from collections.abc import Iterator
from uuid import uuid4

import pytest

from orchstack.sdk import Gone, NotFound, OrchStack
from tests.cloud import Caller, RunningCloud, eventually
from tests.make import agent_document


@pytest.fixture
def clerk(tenant: Caller) -> Caller:
    """A tenant with an agent that repeats what it is told."""
    document = agent_document(name="clerk", model="builtin/echo")
    tenant.put("/v1/agents/clerk", document.model_dump(mode="json"))
    return tenant


@pytest.fixture
def client(clerk: Caller) -> Iterator[OrchStack]:
    """The tenant's client."""
    with OrchStack(clerk.url, clerk.key) as client:
        yield client


def test_a_conversation_is_kept_named_and_exported(clerk: Caller, client: OrchStack) -> None:
    """Two runs in a session that the first of them begins."""
    session = str(uuid4())
    clerk.run("clerk", "What is 17 * 23?\nAs a number.", session_id=session)
    clerk.run("clerk", "And 2 + 2?", session_id=session)
    shown = client.sessions.get(session)
    client.sessions.rename(session, "Sums")
    exported = client.sessions.export(session)
    lines = "".join(client.sessions.write(session, "jsonl")).splitlines()

    assert ("What is 17 * 23?", 4, ()) == (shown.title, shown.message_count, shown.active_runs)
    assert "Sums" == exported.session.title
    assert ["user", "assistant"] * 2 == [message.role for message in exported.messages]
    assert shown.token_count == sum(message.token_count for message in exported.messages) > 0
    assert [m.content for m in exported.messages] == [json.loads(line)["content"] for line in lines]
    assert "# Sums" in "".join(client.sessions.write(session))
    assert [session] == [listed.id for listed in client.sessions.list(agent="clerk")]


def test_a_deleted_session_stays_deleted(clerk: Caller, client: OrchStack) -> None:
    """Its words are gone from the runs too, and no run begins in it again."""
    session = client.sessions.create("clerk", title="Secret").id
    run = clerk.run("clerk", "The blue heron nests here.", session_id=session).body["id"]
    client.sessions.delete(session)
    refused = clerk.run("clerk", "Where does it nest?", session_id=session)

    assert (410, "gone") == (refused.status, refused.code)
    assert "heron" not in str(clerk.get(f"/v1/runs/{run}").body)
    with pytest.raises(Gone):
        client.sessions.export(session)
    with pytest.raises(NotFound):
        client.sessions.delete(str(uuid4()))
    assert [] == list(client.sessions.list())


def test_a_deletion_is_announced_and_audited(clerk: Caller, client: OrchStack) -> None:
    """One event on the bus, one audit entry for each change, and no word of what was said."""
    session = client.sessions.create("clerk").id
    client.sessions.rename(session, "heron")
    client.sessions.delete(session)
    subject = f"subject=sessions/{session}"

    def told() -> list[str]:
        items = clerk.get(f"/v1/events?{subject}").body["items"]
        return [event["type"] for event in items]

    assert ["memory_mgr.SessionDeleted.v1"] == eventually(lambda: told() or None)
    entries = clerk.get(f"/v1/audit?{subject}&order=asc").body["items"]
    actions = ["session.create", "session.rename", "session.delete"]
    assert actions == [entry["action"] for entry in entries]
    assert "heron" not in str(entries)


def test_a_session_with_a_run_under_way_is_busy(clerk: Caller, client: OrchStack) -> None:
    """A run that asks a human keeps its session; when it has ended the session can go."""
    document = agent_document(name="clerk", model="builtin/echo", tools=("ask_human",))
    clerk.put("/v1/agents/clerk", document.model_dump(mode="json"))
    session = str(uuid4())
    question = '@ask_human {"question": "Sure?"}'
    run = clerk.run("clerk", question, session_id=session, mode="background").body["id"]
    refused = clerk.delete(f"/v1/sessions/{session}")
    shown = client.sessions.get(session).active_runs
    cancelled = clerk.send("POST", f"/v1/runs/{run}/cancel")

    assert (409, "session_busy") == (refused.status, refused.code)
    assert run in refused.body["detail"]
    assert (run,) == shown
    assert 200 == cancelled.status
    assert eventually(lambda: not client.sessions.get(session).active_runs)
    assert session == client.sessions.delete(session).id


def test_the_cache_is_no_memory(cloud: RunningCloud, clerk: Caller) -> None:
    """A session whose copy was dropped from the cache is recalled all the same."""
    import redis

    session = str(uuid4())
    first = clerk.run("clerk", "What is 2 + 2?", session_id=session).body
    with redis.Redis(port=cloud.state["cache_port"], decode_responses=True) as cache:
        kept = list(cache.scan_iter(f"*:session:{session}:*"))
        cache.delete(*kept)
    second = clerk.run("clerk", "What is 2 + 2?", session_id=session).body

    assert 2 == len(kept)
    assert second["usage"]["input_tokens"] > first["usage"]["input_tokens"]
