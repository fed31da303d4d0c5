"""Which of an alias's two versions a session meets: the same one while the canary lasts."""

from __future__ import annotations

import hashlib
from typing import Final

from orchstack.control_plane.model.canaries import Route
from orchstack.kernel.agents import EffectiveAgent

_BITS: Final = 53


def point_of(agent: str, alias: str, generation: int, sticky: str) -> float:
    """Give a session's place in [0, 1), even over all sessions, for one canary of an agent."""
    text = f"{agent}\n{alias}\n{generation}\n{sticky}"
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])
    return (number >> (64 - _BITS)) / (1 << _BITS)


def chosen(route: Route, alias: str, sticky: str) -> EffectiveAgent:
    """Choose by the session's place: the canary answers those below its weight.

    So whoever met it stays with it when the weight is raised. Without `sticky` the stable version
    answers.
    """
    if route.canary is None:
        return route.stable
    place = point_of(route.stable.name, alias, route.generation, sticky)
    if sticky and place < route.weight:
        return route.canary.model_copy(update={"variant": "canary"})
    return route.stable.model_copy(update={"variant": "stable"})
