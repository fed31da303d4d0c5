"""The tool executor with the built-in tools."""

from __future__ import annotations

from functools import cache

from orchstack.kernel.clock import SystemClock
from orchstack.tool_exec.adapters.calculator import Calculator
from orchstack.tool_exec.adapters.current_time import CurrentTime
from orchstack.tool_exec.adapters.http_get.tool import HttpGet
from orchstack.tool_exec.service import ToolExecutor


@cache
def tool_executor() -> ToolExecutor:
    """The tools of this installation."""
    clock = SystemClock()
    return ToolExecutor.of([Calculator(), CurrentTime(clock), HttpGet.over_internet(clock)], clock)
