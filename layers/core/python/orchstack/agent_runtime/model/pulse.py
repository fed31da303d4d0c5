"""How a run stands, in so few bytes that it can be asked many times a second."""

from __future__ import annotations

from dataclasses import dataclass

from orchstack.agent_runtime.model.steps import RunStatus


@dataclass(frozen=True, kw_only=True)
class Pulse:
    """Two that are equal tell the same tale; `version` changes with each write of a step."""

    status: RunStatus
    erased: bool
    # It is under way, and nobody has driven it for half a minute.
    adrift: bool = False
    version: str
