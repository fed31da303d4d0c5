"""Every operation of the public API, as its service declares it."""

from __future__ import annotations

from typing import Any

from orchstack.agent_runtime import api as agent_runtime
from orchstack.agent_runtime import api_outcomes as outcomes
from orchstack.agent_runtime import api_records as records
from orchstack.control_plane import api as control_plane
from orchstack.event_bus import api as event_bus
from orchstack.kernel.http import Operation
from orchstack.memory_mgr import api as memory_mgr

OPERATIONS: tuple[Operation[Any, Any], ...] = (
    *control_plane.OPERATIONS,
    *agent_runtime.OPERATIONS,
    *outcomes.OPERATIONS,
    *records.OPERATIONS,
    *memory_mgr.OPERATIONS,
    *event_bus.OPERATIONS,
)
