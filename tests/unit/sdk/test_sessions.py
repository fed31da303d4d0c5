"""`client.sessions` sends what the API takes, and reads what it answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from orchstack.sdk import (
    Conflict,
    Gone,
    HttpRequest,
    HttpResponse,
    MockTransport,
    OrchStack,
    Retries,
)

AT = "2026-01-01T00:00:00.000Z"
SESSION = {
    "id": "s-1",
    "agent": "adder",
    "title": "Sums",
    "metadata": {},
    "message_count": 2,
    "token_count": 9,
    "created_at": AT,
    "last_active_at": AT,
}
MESSAGE = {
    "seq": 1,
    "run_id": "r-1",
    "role": "user",
    "content": "żółć 🦉",
    "images": [],
    "tool_calls": [],
    "tool_call_id": None,
    "token_count": 4,
    "created_at": AT,
}
Answers = Callable[[HttpRequest], HttpResponse]


def answering(status: int, body: Any) -> tuple[OrchStack, MockTransport]:
    """A client of an API that always answers the same."""
    transport = MockTransport(lambda _: HttpResponse(status, {}, [json.dumps(body).encode()]))
    retries = Retries(attempts=1)
    return OrchStack(
        "http://api.test", "os_live_x", transport=transport, retries=retries
    ), transport


def test_a_session_is_made_of_what_is_given() -> None:
    """What is not given is not sent; the answer is read whole."""
    client, transport = answering(201, SESSION)
    made = client.sessions.create("adder", metadata={"a": "b"}, session_id="s-1")

    sent = transport.requests[0]
    assert {"agent": "adder", "metadata": {"a": "b"}, "id": "s-1"} == json.loads(sent.body or b"")
    assert "Idempotency-Key" in sent.headers
    assert ("s-1", 2026) == (made.id, made.last_active_at.year)


def test_a_session_is_renamed_by_a_patch() -> None:
    """With the title alone, under a key that makes it safe to send again."""
    client, transport = answering(200, SESSION)
    client.sessions.rename("s/1", "Sums")

    sent = transport.requests[0]
    assert ("PATCH", "http://api.test/v1/sessions/s%2F1") == (sent.method, sent.url)
    assert "Idempotency-Key" in sent.headers


def test_a_deleted_session_says_since_when() -> None:
    """One that was deleted is Gone; one with a run under way is a Conflict."""
    client, _ = answering(200, {"id": "s-1", "deleted_at": AT})
    assert 2026 == client.sessions.delete("s-1").deleted_at.year

    for status, code, error in ((410, "gone", Gone), (409, "session_busy", Conflict)):
        client, _ = answering(status, {"code": code})
        with pytest.raises(error):
            client.sessions.delete("s-1")


def test_messages_come_page_after_page() -> None:
    """In the order asked for."""
    client, transport = answering(200, {"items": [MESSAGE], "next_cursor": None, "has_more": False})
    (message,) = client.sessions.messages("s-1", order="desc", limit=5)

    assert (
        "http://api.test/v1/sessions/s-1/messages?order=desc&limit=5" in transport.requests[0].url
    )
    assert "żółć 🦉" == message.content


def test_an_export_is_one_value() -> None:
    """The session and its messages."""
    client, _ = answering(200, {"session": SESSION, "messages": [MESSAGE]})
    exported = client.sessions.export("s-1")

    assert ("Sums", [1]) == (exported.session.title, [m.seq for m in exported.messages])


def test_a_written_export_keeps_every_character() -> None:
    """Also those that lie across two pieces of the answer."""
    text = "żółć 🦉\n"
    halves = [bytes([byte]) for byte in text.encode()]
    transport = MockTransport(lambda _: HttpResponse(200, {}, halves))
    client = OrchStack("http://api.test", "os_live_x", transport=transport)

    assert text == "".join(client.sessions.write("s-1"))
    assert transport.requests[0].url.endswith("/v1/sessions/s-1/export?format=markdown")
