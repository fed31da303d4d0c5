"""A run in the hands of one driver."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from orchstack.agent_runtime.loop.poison import MAX_TRIES
from orchstack.agent_runtime.loop.state import RunState
from orchstack.agent_runtime.loop.transcript import Teller
from orchstack.agent_runtime.model.contexts import ContextManifest, ContextPart, KeptPart
from orchstack.agent_runtime.model.runs import Lease, Run, Stages
from orchstack.kernel.agents import AgentDocument
from orchstack.kernel.chat import ChatRequest, ToolSpec
from orchstack.kernel.clock import Clock
from orchstack.kernel.observability import bind

Stage = Literal["router", "guard", "model", "tools", "database"]


@dataclass(kw_only=True)
class Held:
    """The run as far as it is written down, and what its driver has at hand to go on."""

    run: Run
    document: AgentDocument
    state: RunState
    lease: Lease
    clock: Clock
    # The next call of the model, once it is packed; packed again from the journal after a crash.
    request: ChatRequest | None = None
    # What that call is shown, the parts of it that are not kept yet, and what was looked up for it.
    manifest: ContextManifest | None = None
    unkept: tuple[KeptPart, ...] = ()
    passages: tuple[ContextPart, ...] | None = None
    # The tools as a model is shown them, once they were described.
    specs: tuple[ToolSpec, ...] | None = None
    teller: Teller = field(default_factory=Teller)
    spent_ms: dict[Stage, float] = field(default_factory=dict)
    renewed_at: float = 0.0
    # When its driver last looked whether it is to be cancelled.
    looked_at: float = 0.0
    # Drivers, this one included, that set about what comes next in the journal.
    tries: int = 1
    max_tries: int = MAX_TRIES
    # Whether somebody asked for the run to be cancelled, as far as its driver knows.
    cancel_requested: bool = False
    # Whether a call of the model was lost, and that could not be written down.
    lost_unnoted: bool = False
    # Whether the lease is still to be given back: not of a run whose end is written down.
    leased: bool = True

    @property
    def hopeless(self) -> bool:
        """Whether one driver after the other has died over what comes next."""
        return self.tries > self.max_tries

    @contextmanager
    def timed(self, stage: Stage) -> Iterator[None]:
        """Count the time inside for a stage, and name the run on every line that is logged."""
        began = self.clock.monotonic()
        try:
            with bind(tenant_id=self.run.tenant_id, run_id=self.run.id):
                yield
        finally:
            self.spend(stage, self.clock.monotonic() - began)

    def spend(self, stage: Stage, seconds: float) -> None:
        """Count time for a stage that was measured elsewhere."""
        self.spent_ms[stage] = self.spent_ms.get(stage, 0.0) + seconds * 1000

    def stages(self, total_ms: float) -> Stages:
        """Give the time spent so far; resets the counters, as the run's record takes them over."""
        before = self.run.stages
        sums: dict[str, float] = {
            stage: round(getattr(before, stage) + spent, 3)
            for stage, spent in self.spent_ms.items()
        }
        self.spent_ms.clear()
        return before.model_copy(update={**sums, "total": round(total_ms, 3)})

    @property
    def ends_at(self) -> float:
        """Unix time in seconds at which the run's own limit ends it."""
        state = self.state
        return state.started_at.timestamp() + state.limits.max_seconds + state.waited_s
