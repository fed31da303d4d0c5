"""A session is written out whole."""

from __future__ import annotations

import json

import pytest

from orchstack.kernel.chat import Message, Role, ToolCall
from orchstack.kernel.errors import Gone, NotFound
from orchstack.kernel.ids import new_id
from orchstack.memory_mgr.model import ExportFormat, SessionExport
from tests.unit.memory_mgr.world import World

TALK = (
    Message(role=Role.USER, content="What is\n17 * 23?"),
    Message(role=Role.ASSISTANT, tool_calls=(ToolCall(id="1", name="calculator"),)),
    Message(role=Role.TOOL, content="391", tool_call_id="1"),
    Message(role=Role.ASSISTANT, content="391."),
)


@pytest.fixture
def world() -> World:
    """A memory manager with nothing in it."""
    return World()


def test_one_document_holds_all(world: World) -> None:
    """The session's record, and its messages however many there are."""
    session = world.begin().id
    for _ in range(60):
        world.say(session, *TALK)
    text = "".join(world.exporter.export(world.tenant, session, ExportFormat.JSON))
    document = SessionExport.model_validate_json(text)

    assert (session, "What is") == (document.session.id, document.session.title)
    assert list(range(1, 241)) == [message.seq for message in document.messages]
    assert [m.content for m in TALK] * 60 == [message.content for message in document.messages]


def test_lines_hold_a_message_each(world: World) -> None:
    """Line breaks of a message are no lines; an empty session has none."""
    session, empty = world.begin().id, world.begin().id
    world.say(session, *TALK)
    lines = "".join(world.exporter.export(world.tenant, session, ExportFormat.JSONL))
    nothing = world.exporter.export(world.tenant, empty, ExportFormat.JSONL)

    assert [m.content for m in TALK] == [
        json.loads(line)["content"] for line in lines.strip().split("\n")
    ]
    assert "" == "".join(nothing)


def test_markdown_reads_as_a_conversation(world: World) -> None:
    """The title, then each turn under the one who speaks."""
    session = world.begin().id
    world.say(session, *TALK)
    text = "".join(world.exporter.export(world.tenant, session, ExportFormat.MARKDOWN))

    assert text.startswith(f"# What is\n\nSession {session} with adder, 4 messages.\n")
    assert "\n## User, 2026-01-01 00:00:00 UTC\n\nWhat is\n17 * 23?\n" in text
    assert "- calls `calculator`" in text


def test_what_is_said_meanwhile_is_left_out(world: World) -> None:
    """The document holds what its head counts."""
    session = world.begin().id
    world.say(session, *TALK)
    pieces = world.exporter.export(world.tenant, session, ExportFormat.JSON)
    head = next(pieces)
    world.say(session, *TALK)
    document = SessionExport.model_validate_json(head + "".join(pieces))

    assert 4 == document.session.message_count == len(document.messages)


def test_a_session_deleted_meanwhile_breaks_off(world: World) -> None:
    """A document that ends early must not look whole."""
    session = world.begin().id
    world.say(session, *TALK)
    pieces = world.exporter.export(world.tenant, session, ExportFormat.JSON)
    next(pieces)
    world.sessions.delete(world.caller, session)

    with pytest.raises(Gone):
        list(pieces)


def test_there_must_be_a_session(world: World) -> None:
    """It is told before the first piece."""
    session = world.begin().id
    world.sessions.delete(world.caller, session)

    with pytest.raises(NotFound):
        world.exporter.export(world.tenant, new_id(), ExportFormat.JSON)
    with pytest.raises(Gone):
        world.exporter.export(world.tenant, session, ExportFormat.JSON)
