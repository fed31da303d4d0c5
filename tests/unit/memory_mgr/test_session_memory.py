"""Session memory gives whole turns."""

from __future__ import annotations

import pytest

from orchstack.kernel.chat import Message, Role, ToolCall
from orchstack.kernel.ids import new_id
from orchstack.memory_mgr.adapters.in_memory import InMemorySessionMessages
from orchstack.memory_mgr.service import SessionMemory

TENANT, SESSION, RUN = new_id(), new_id(), new_id()
TURN = (
    Message(role=Role.USER, content="17 * 23?"),
    Message(role=Role.ASSISTANT, tool_calls=(ToolCall(id="1", name="calculator"),)),
    Message(role=Role.TOOL, content="391", tool_call_id="1"),
    Message(role=Role.ASSISTANT, content="391."),
)


@pytest.fixture
def memory() -> SessionMemory:
    """A memory of two turns of four messages."""
    filled = SessionMemory(InMemorySessionMessages())
    filled.remember(TENANT, SESSION, RUN, TURN)
    filled.remember(TENANT, SESSION, RUN, TURN)
    return filled


@pytest.mark.parametrize(
    ("limit", "expected"),
    [(8, 8), (100, 8), (7, 4), (5, 4), (4, 4), (3, 0), (1, 0), (0, 0), (-1, 0)],
)
def test_a_turn_is_recalled_whole_or_not(memory: SessionMemory, limit: int, expected: int) -> None:
    """What is recalled starts with the user's words: no result without its call."""
    recalled = memory.recall(TENANT, SESSION, limit)

    assert expected == len(recalled)
    assert (TURN * 2)[8 - expected :] == recalled


def test_nothing_is_remembered_of_nothing(memory: SessionMemory) -> None:
    """An empty turn leaves no trace."""
    memory.remember(TENANT, SESSION, RUN, ())

    assert 8 == len(memory.recall(TENANT, SESSION, 100))
