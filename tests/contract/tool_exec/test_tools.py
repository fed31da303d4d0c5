"""What every tool promises."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest

from orchstack.kernel.clock import SystemClock
from orchstack.kernel.ids import new_id
from orchstack.tool_exec.adapters.calculator import Calculator
from orchstack.tool_exec.adapters.current_time import CurrentTime
from orchstack.tool_exec.adapters.http_get.tool import HttpGet
from orchstack.tool_exec.adapters.in_memory import LookupTool
from orchstack.tool_exec.model import CallContext, ToolFault
from orchstack.tool_exec.ports import Tool

CLOCK = SystemClock()
# Each tool, with arguments it can serve (None: not without a network) and some it cannot.
TOOLS: list[tuple[Tool[Any], dict[str, str] | None, dict[str, str]]] = [
    (Calculator(), {"expression": "1 + 1"}, {"expression": "1 / 0"}),
    (CurrentTime(CLOCK), {"timezone": "UTC"}, {"timezone": "Mars/Olympus"}),
    (HttpGet.over_internet(CLOCK), None, {"url": "http://127.0.0.1/"}),
    (LookupTool({"a": "1"}), {"key": "a"}, {"key": "b"}),
]


def context() -> CallContext:
    """A call with five seconds."""
    return CallContext(tenant_id=new_id(), idempotency_key="k", deadline=time.time() + 5)


IDS = [tool.name for tool, _, _ in TOOLS]


@pytest.mark.parametrize("tool", [tool for tool, _, _ in TOOLS], ids=IDS)
def test_a_tool_is_described(tool: Tool[Any]) -> None:
    """It has a name an agent's document may hold, words, a time-out and a closed schema."""
    schema = tool.arguments.model_json_schema()

    assert re.fullmatch(r"[a-z][a-z0-9_]{0,63}", tool.name)
    assert tool.description.endswith(".")
    assert 0 < tool.timeout_s <= 30
    assert ("object", False) == (schema["type"], schema["additionalProperties"])


@pytest.mark.parametrize(("tool", "good", "bad"), TOOLS, ids=IDS)
def test_a_tool_answers_or_tells_what_it_cannot_do(
    tool: Tool[Any], good: dict[str, str] | None, bad: dict[str, str]
) -> None:
    """What it can do, it tells in words; what it cannot, in a ToolFault with a sentence."""
    if good is not None:
        assert tool.run(tool.arguments.model_validate(good), context())
    with pytest.raises(ToolFault, match=r"\.$"):
        tool.run(tool.arguments.model_validate(bad), context())
