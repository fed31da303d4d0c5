"""What a run announces."""

from __future__ import annotations

from collections import Counter

import pytest

from orchstack.agent_runtime.adapters.in_memory_journal import InMemoryJournal
from orchstack.kernel.chat import Completion
from orchstack.kernel.errors import NoProviderAvailable, OrchStackError
from orchstack.kernel.events import AuditEntry, Event
from orchstack.wiring.event_catalogue import EVENT_TYPES
from tests.contract.agent_runtime.worlds import Stage, in_memory, says, wishes


def announced(stage: Stage) -> tuple[list[Event], list[AuditEntry]]:
    """All events and audit entries, in order."""
    journal = stage.world.journal
    assert isinstance(journal, InMemoryJournal)
    events = [event for each in journal.announced for event in each.events]
    return events, [entry for each in journal.announced for entry in each.audit]


def test_each_deed_is_one_audit_entry() -> None:
    """Start, two model calls, a tool call, the decisions of the guards, and the end."""
    stage = in_memory()
    stage.stream()
    _, audit = announced(stage)

    expected = {"run.start": 1, "model.call": 2, "tool.call": 1, "guard.decide": 3, "run.finish": 1}
    assert expected == Counter(entry.action for entry in audit)
    assert f"key:{stage.principal.key_id}" == audit[0].actor
    assert {stage.tenant_id} == {entry.tenant_id for entry in audit}


@pytest.mark.parametrize(
    ("script", "end"),
    [
        ([says("Hi.")], "agent_runtime.RunCompleted.v1"),
        ([NoProviderAvailable()], "agent_runtime.RunFailed.v1"),
    ],
)
def test_start_and_end_are_events(script: list[Completion | OrchStackError], end: str) -> None:
    """One each, with data that fits its schema."""
    stage = in_memory(script)
    stage.stream()
    events, _ = announced(stage)

    assert ["agent_runtime.RunStarted.v1", end] == [event.type for event in events]
    described = {kind.type: type(kind.example) for kind in EVENT_TYPES}
    assert all(described[event.type].model_validate(event.data) for event in events)


def test_the_audit_holds_no_text() -> None:
    """Neither what was asked, nor what was answered, nor what a tool was given."""
    stage = in_memory([wishes(("calculator", {"expression": "SECRET"})), says("SECRET answer")])
    stage.stream("SECRET question")
    _, audit = announced(stage)

    assert "SECRET" not in str(audit)


def test_a_denied_tool_is_denied_in_the_audit() -> None:
    """The wish leaves its trace."""
    stage = in_memory([wishes(("shell", {})), says("Sorry.")])
    stage.stream()
    _, audit = announced(stage)

    assert ["denied"] == [entry.outcome for entry in audit if entry.action == "tool.call"]
