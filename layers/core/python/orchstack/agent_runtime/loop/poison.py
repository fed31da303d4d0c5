"""When to give a run up: each driver that set about the same step has died over it."""

from __future__ import annotations

from typing import Final

from orchstack.agent_runtime.loop.state import RunState
from orchstack.agent_runtime.model.steps import Fault, ModelWork, Step, ToolWork
from orchstack.kernel.errors import RunPoisoned

# One is usual; five more take the run over from one that died.
MAX_TRIES: Final = 6


def poison(state: RunState, died: int) -> Fault:
    """Say which step so many drivers died over, and what they tried."""
    tried = "; ".join(_named(step) for step in state.pending) or f"step {state.next_seq}"
    detail = f"{died} drivers in turn set about {tried}, and none of them came to its end. {_NEXT}"
    return Fault(code=RunPoisoned.code, detail=detail)


_NEXT: Final = "See the logs of this run, mend the cause, and fork the run from that step."


def _named(step: Step) -> str:
    match step.work:
        case ModelWork() as work:
            return f"step {step.seq} (a call of the model {work.model})"
        case ToolWork() as work:
            return f"step {step.seq} (a call of the tool {work.call.name})"
        case _:
            return f"step {step.seq} ({step.work.kind})"
