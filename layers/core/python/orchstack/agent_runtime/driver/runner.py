"""The driver: one loop, carried on until the run is over or for one command at a time."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Final
from uuid import UUID

from orchstack.agent_runtime.driver.asking import Asking
from orchstack.agent_runtime.driver.held import Held
from orchstack.agent_runtime.driver.lease import LeaseKeeper
from orchstack.agent_runtime.driver.packing import Packing
from orchstack.agent_runtime.driver.scribe import Scribe
from orchstack.agent_runtime.driver.serving import Serving
from orchstack.agent_runtime.loop.state import RunState
from orchstack.agent_runtime.model.events import LiveEvent
from orchstack.agent_runtime.model.runs import Lease, LeaseLost, RequestKey, Run
from orchstack.agent_runtime.model.steps import GuardWork, ModelWork, Step
from orchstack.agent_runtime.ports import World
from orchstack.kernel.agents import AgentDocument
from orchstack.kernel.errors import DeadlineExceeded, Unavailable
from orchstack.kernel.ids import new_id

LEASE_SECONDS: Final = 30.0
# What the last commit and the answer need of a function's time.
RESERVE_SECONDS: Final = 2.0


class RunDriver:
    """Carries runs on; one driver holds a run at a time, and the journal refuses all others."""

    def __init__(self, world: World, *, lease_seconds: float = LEASE_SECONDS) -> None:
        self._world = world
        self._lease_seconds = lease_seconds
        keeper = LeaseKeeper(journal=world.journal)
        packing = Packing(tools=world.tools)
        self._asking = Asking(
            models=world.models,
            guards=world.guards,
            packing=packing,
            lease=keeper,
            clock=world.clock,
        )
        self._serving = Serving(
            tools=world.tools, guards=world.guards, lease=keeper, clock=world.clock
        )
        self._scribe = Scribe(
            journal=world.journal,
            models=world.models,
            packing=packing,
            memory=world.memory,
            clock=world.clock,
        )

    def open(
        self, run: Run, document: AgentDocument, checked: GuardWork, *, key: RequestKey | None
    ) -> Held | None:
        """Begin a run, in the transaction that is open; None if another run has the key."""
        held = self._hold(run, document, self._lease(), ())
        return held if self._scribe.open(held, checked, key=key) else None

    def take(self, tenant_id: UUID, run_id: UUID) -> Held:
        """Take over a run that nobody drives. Raises NotFound, RequestInFlight."""
        lease = self._lease()
        with self._world.journal.transaction(tenant_id):
            run = self._world.journal.claim(tenant_id, run_id, lease).run
            steps = self._world.journal.steps(tenant_id, run_id)
            agent = self._world.agents.effective(tenant_id, run.agent, run.version)
        return self._hold(run, agent.document, lease, steps)

    def drive(self, held: Held, *, deadline: float) -> Generator[LiveEvent, None, None]:
        """Tell the run from its beginning, and carry it on until it is over.

        `deadline` is Unix time in seconds. Raises DeadlineExceeded, LeaseLost, Unavailable;
        whatever ends it early, the lease is given back, so that a retry can go on at once.
        """
        try:
            yield from held.teller.tell(held.run, held.state.steps)
            while not held.run.over:
                yield from self._execute(held, held.lease, deadline)
        finally:
            self._let_go(held)

    def advance(self, held: Held, *, deadline: float) -> Run:
        """Carry out exactly one command, and give the lease back with the same write."""
        if held.run.over:
            return held.run
        try:
            for _ in self._execute(held, replace(held.lease, seconds=0), deadline):
                pass
            held.leased = False
        finally:
            self._let_go(held)
        return held.run

    def _execute(self, held: Held, lease: Lease, deadline: float) -> Iterator[LiveEvent]:
        until = deadline - RESERVE_SECONDS
        if self._world.clock.now().timestamp() >= until:
            raise DeadlineExceeded
        pending = held.state.pending
        done: tuple[Step, ...] = ()
        if pending and isinstance(pending[0].work, ModelWork):
            done = yield from self._asking.ask(held, pending[0], deadline=until)
        elif pending:
            done = self._serving.serve(held, pending, deadline=until)
        yield from self._scribe.record(held, done, lease=lease)

    def _hold(
        self, run: Run, document: AgentDocument, lease: Lease, steps: tuple[Step, ...]
    ) -> Held:
        clock = self._world.clock
        state = RunState(limits=document.limits, started_at=run.created_at).apply(*steps)
        return Held(
            run=run,
            document=document,
            state=state,
            lease=lease,
            clock=clock,
            renewed_at=clock.monotonic(),
            leased=not run.over,
        )

    def _lease(self) -> Lease:
        return Lease(owner=new_id(), seconds=self._lease_seconds)

    def _let_go(self, held: Held) -> None:
        """Let a retry go on at once; where that fails, it has to wait until the lease lapses."""
        if not held.leased:
            return
        held.leased = False
        journal = self._world.journal
        with suppress(LeaseLost, Unavailable), journal.transaction(held.run.tenant_id):
            journal.renew(held.run, replace(held.lease, seconds=0))
