"""Which of the calls that one answer asks for may go now, as the agent's document orders them."""

from __future__ import annotations

from collections.abc import Sequence

from orchstack.agent_runtime.loop.state import PlannedCall
from orchstack.kernel.agents import ToolOrder


def ready(calls: Sequence[PlannedCall], order: Sequence[ToolOrder]) -> tuple[PlannedCall, ...]:
    """Give the calls that wait for no other of those not answered yet, in the order of the wishes.

    Never nothing while there are calls: where they wait for each other in a circle, which no
    published document can ask for, the first goes alone.
    """
    pairs = {(rule.first, rule.then) for rule in order}
    free = tuple(call for call in calls if not _waits(call, calls, pairs))
    return free or tuple(calls[:1])


def _waits(call: PlannedCall, calls: Sequence[PlannedCall], pairs: set[tuple[str, str]]) -> bool:
    name = call.call.name
    if (name, name) in pairs and any(
        other.call.name == name and other.position < call.position for other in calls
    ):
        return True
    return any(other.call.name != name and (other.call.name, name) in pairs for other in calls)
