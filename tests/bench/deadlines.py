"""Functions whose time is over at random, over a real journal: is any run lost?"""

from __future__ import annotations

from tests.bench.crashes import real
from tests.faults.agent_runtime.deadlines import Tally, hurry


def measure(runs: int) -> Tally:
    """Carry so many runs on under random deadlines, until they are over."""
    with real() as ground:
        return hurry(ground, runs)
