"""The driver: one loop, carried on until the run is over or for one command at a time."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final
from uuid import UUID

from orchstack.agent_runtime.driver.asking import Asking
from orchstack.agent_runtime.driver.attending import Attending
from orchstack.agent_runtime.driver.casting import Casting
from orchstack.agent_runtime.driver.children import Children
from orchstack.agent_runtime.driver.held import Held
from orchstack.agent_runtime.driver.lease import LeaseKeeper
from orchstack.agent_runtime.driver.packing import Packing
from orchstack.agent_runtime.driver.screening import Screening
from orchstack.agent_runtime.driver.scribe import Scribe
from orchstack.agent_runtime.driver.serving import Serving
from orchstack.agent_runtime.driver.waiting import Answer, answered, expired, question_of
from orchstack.agent_runtime.loop.poison import MAX_TRIES
from orchstack.agent_runtime.loop.state import RunState
from orchstack.agent_runtime.model.events import LiveEvent
from orchstack.agent_runtime.model.runs import Lease, LeaseLost, RequestKey, Run
from orchstack.agent_runtime.model.steps import (
    GuardOutcome,
    GuardWork,
    ModelWork,
    RunStatus,
    Step,
    WaitWork,
)
from orchstack.agent_runtime.ports import World
from orchstack.kernel.agents import AgentDocument
from orchstack.kernel.errors import DeadlineExceeded, Unavailable
from orchstack.kernel.ids import new_id

LEASE_SECONDS: Final = 30.0
# What the last commit and the answer need of a function's time.
RESERVE_SECONDS: Final = 2.0


class RunDriver:
    """Carries runs on; one driver holds a run at a time, and the journal refuses all others."""

    def __init__(
        self, world: World, *, lease_seconds: float = LEASE_SECONDS, max_tries: int = MAX_TRIES
    ) -> None:
        self._world = world
        self._lease_seconds = lease_seconds
        self._max_tries = max_tries
        keeper = LeaseKeeper(journal=world.journal)
        casting = self._casting = Casting(agents=world.agents, tools=world.tools)
        packing = self._packing = Packing(casting=casting, context=world.context)
        self._asking = Asking(
            models=world.models,
            guards=world.guards,
            packing=packing,
            journal=world.journal,
            attending=Attending(lease=keeper, clock=world.clock),
            clock=world.clock,
        )
        self._serving = Serving(
            tools=world.tools,
            children=Children(world=world, driver=self),
            guards=world.guards,
            lease=keeper,
            clock=world.clock,
        )
        self._scribe = Scribe(
            journal=world.journal,
            models=world.models,
            packing=packing,
            memory=world.memory,
            casting=casting,
            screening=Screening(guards=world.guards),
            clock=world.clock,
        )

    def open(
        self, run: Run, document: AgentDocument, checked: GuardWork, *, key: RequestKey | None
    ) -> Held | None:
        """Keep a run, in the transaction that is open; None if another run has the key.

        A queued one is nobody's yet; any other begins, with what its session has to recall.
        Raises ContextTooLarge if the input can never fit the agent's model.
        """
        held = self._hold(run, document, self._lease(), ())
        if checked.outcome is not GuardOutcome.BLOCKED:
            self._packing.admit(held)
        return held if self._scribe.open(held, checked, key=key) else None

    def fork(
        self,
        run: Run,
        document: AgentDocument,
        steps: tuple[Step, ...],
        fresh: Sequence[Step],
        *,
        key: RequestKey | None,
    ) -> Held | None:
        """Keep a run that begins with another one's steps, in the transaction that is open.

        Of those `fresh` are not as they were. None if another run has the key.
        """
        held = self._hold(run, document, self._lease(), steps)
        self._packing.admit(held)
        return held if self._scribe.fork(held, fresh, key=key) else None

    def take(self, tenant_id: UUID, run_id: UUID) -> Held:
        """Take over a run that nobody drives; one that waits for a human is left alone.

        Raises NotFound, RequestInFlight, and NotYourTurn while its session is busy.
        """
        with self._world.journal.transaction(tenant_id):
            held = self._claimed(tenant_id, run_id)
            if not self._goes_on(held):
                self._let_go(held, orderly=True)
        return held

    def answer(self, tenant_id: UUID, run_id: UUID, answer: Answer) -> Held:
        """Take over a run that waits for a human with the answer, or one that nobody drives.

        Raises NotFound, RunOver, RequestInFlight, InvalidRequest where a human is asked and there
        is no answer, Conflict where nobody is asked (any more) and there is one, ContentBlocked.
        """
        with self._world.journal.transaction(tenant_id):
            held = self._claimed(tenant_id, run_id)
            done = answered(held, answer, guards=self._world.guards, now=self._world.clock.now())
            if done:
                self._tell_from_here(held, self._scribe.record(held, done, lease=held.lease))
        return held

    def release(self, held: Held) -> None:
        """Give a run back in good order; joins the transaction that is open."""
        self._let_go(held, orderly=True)

    def drive(self, held: Held, *, deadline: float) -> Generator[LiveEvent, None, Run]:
        """Tell the run from its beginning, and carry it on until it is over or asks a human.

        `deadline` is Unix time in seconds. Raises DeadlineExceeded, LeaseLost, Unavailable;
        whatever ends it early, the lease is given back, so that a retry can go on at once.
        """
        orderly = False
        try:
            yield from held.teller.tell(held.run, held.state.steps)
            while self._goes_on(held):
                yield from self._execute(held, held.lease, deadline)
            orderly = True
        except (DeadlineExceeded, GeneratorExit):
            # Nobody died over it: the function's time is over, or the caller is gone.
            orderly = True
            raise
        finally:
            self._let_go(held, orderly=orderly)
        return held.run

    def advance(self, held: Held, *, deadline: float) -> Run:
        """Carry out exactly one command, and give the lease back with the same write."""
        if not self._goes_on(held):
            return held.run
        orderly = False
        try:
            for _ in self._execute(held, replace(held.lease, seconds=0), deadline):
                pass
            held.leased = False
        except DeadlineExceeded:
            orderly = True
            raise
        finally:
            self._let_go(held, orderly=orderly)
        return held.run

    def _claimed(self, tenant_id: UUID, run_id: UUID) -> Held:
        """Take the lease, and let a queued run begin, in the transaction that is open."""
        lease, journal = self._lease(), self._world.journal
        claim = journal.claim(tenant_id, run_id, lease)
        run, steps = claim.run, journal.steps(tenant_id, run_id)
        agent = self._world.agents.effective(tenant_id, run.agent, run.version)
        held = self._hold(run, agent.document, lease, steps)
        held.cancel_requested, held.tries = claim.cancel_requested, claim.tries
        if run.status is RunStatus.QUEUED:
            self._scribe.begin(held)
        return held

    def _tell_from_here(self, held: Held, events: Iterator[LiveEvent]) -> None:
        """Write what the events tell; who drives the run next tells them, but none before."""
        for _ in held.teller.tell(held.run, held.state.steps):
            pass
        told = held.teller.last
        for _ in events:
            pass
        held.teller.last = told

    def _goes_on(self, held: Held) -> bool:
        """Whether there is anything to do before a human answers, or at all."""
        if held.run.over:
            return False
        asked = question_of(held)
        return asked is None or held.cancel_requested or asked.expires_at <= self._world.clock.now()

    def _execute(self, held: Held, lease: Lease, deadline: float) -> Iterator[LiveEvent]:
        until = deadline - RESERVE_SECONDS
        if self._world.clock.now().timestamp() >= until:
            raise DeadlineExceeded
        pending = held.state.pending
        done: tuple[Step, ...] = ()
        if held.cancel_requested or held.hopeless:
            pass
        elif pending and isinstance(pending[0].work, ModelWork):
            done = yield from self._asking.ask(held, pending[0], deadline=until)
        elif pending and isinstance(pending[0].work, WaitWork):
            done = (expired(pending[0], pending[0].work, self._world.clock.now()),)
        elif pending:
            done = yield from self._serve(held, pending, until)
        yield from self._scribe.record(held, done, lease=lease)

    def _serve(
        self, held: Held, pending: tuple[Step, ...], until: float
    ) -> Generator[LiveEvent, None, tuple[Step, ...]]:
        """Write down each call of a tool as it finishes; gives what finished last, not written."""
        for done in self._serving.serve(held, pending, deadline=until):
            if held.cancel_requested or not held.state.apply(*done).pending:
                return done
            yield from self._scribe.record(held, done, lease=held.lease)
        return ()

    def _hold(
        self, run: Run, document: AgentDocument, lease: Lease, steps: tuple[Step, ...]
    ) -> Held:
        clock = self._world.clock
        cast = self._casting.documents(run, document, steps)
        state = RunState.of(run, cast).apply(*steps)
        return Held(
            run=run,
            document=cast[-1],
            state=state,
            lease=lease,
            clock=clock,
            renewed_at=clock.monotonic(),
            leased=not run.over,
            max_tries=self._max_tries,
        )

    def _lease(self) -> Lease:
        return Lease(owner=new_id(), seconds=self._lease_seconds)

    def _let_go(self, held: Held, *, orderly: bool) -> None:
        """Let a retry go on at once; where that fails, it has to wait until the lease lapses."""
        if not held.leased:
            return
        held.leased = False
        # As after a death, so that the next driver knows that he asks again.
        orderly = orderly and not held.lost_unnoted
        journal = self._world.journal
        with suppress(LeaseLost, Unavailable), journal.transaction(held.run.tenant_id):
            journal.release(held.run, held.lease, orderly=orderly)
