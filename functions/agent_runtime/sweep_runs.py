"""Finds runs that nobody drives, each minute, and lets the state machine carry them on."""

from __future__ import annotations

from orchstack.kernel.plain import JsonObject
from orchstack.wiring.agent_runtime import sweeper


def handler(_event: JsonObject, _context: object) -> JsonObject:
    """Sweep once; gives how many runs were found and how many of them were started again."""
    swept = sweeper().sweep()
    return {"found": swept.found, "started": swept.started}
