"""Starts runs, finds them again by their key, and goes on with those that were left or answered."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from uuid import UUID

from orchstack.agent_runtime.driver import Held, RunDriver
from orchstack.agent_runtime.driver.waiting import Answer
from orchstack.agent_runtime.model.events import Answering, LiveEvent
from orchstack.agent_runtime.model.holding import NotYourTurn
from orchstack.agent_runtime.model.runs import Ask, KeyedRun, Mode, RequestKey, Run
from orchstack.agent_runtime.model.steps import RunStatus
from orchstack.agent_runtime.ports import World
from orchstack.agent_runtime.service.beginning import Beginning
from orchstack.agent_runtime.service.carrying import Carrier
from orchstack.kernel.errors import IdempotencyKeyReused, RequestInFlight
from orchstack.kernel.tenancy import Principal


@dataclass(frozen=True)
class _Opened:
    """A run that was kept, and the number of the execution to start for it, if any."""

    held: Held
    start: int | None


class AgentRuntime:
    """Runs agents: what was begun is carried on to its end, by one driver or by several in turn."""

    def __init__(self, world: World, driver: RunDriver) -> None:
        """Take what runs touch, and what carries them on."""
        self._world = world
        self._driver = driver
        self._beginning = Beginning(world=world, driver=driver)
        self._carrier = Carrier(world=world, driver=driver)

    def start(
        self, principal: Principal, ask: Ask, *, key: RequestKey | None, deadline: float
    ) -> Answering:
        """Begin a run, or find the one that an earlier request with the same key began.

        A run that its driver has left is taken over and carried on from its journal. `deadline` is
        Unix time in seconds. Raises NotFound, PayloadTooLarge (nothing of the request remains),
        SessionBusy, IdempotencyKeyReused, and RequestInFlight while another driver holds the run.
        """
        return self.begin(
            principal.tenant_id,
            lambda: self._beginning.begin(principal, ask, key),
            mode=ask.mode,
            key=key,
            deadline=deadline,
        )

    def begin(
        self,
        tenant_id: UUID,
        keep: Callable[[], Held | None],
        *,
        mode: Mode,
        key: RequestKey | None,
        deadline: float,
    ) -> Answering:
        """Do the same with a run that `keep` makes, in the transaction that is open then.

        It gives None if another run has the key. Raises what it raises.
        """
        with self._world.journal.transaction(tenant_id):
            earlier = self._earlier(tenant_id, key)
            opened = self._opened(keep, mode) if earlier is None else None
        if opened is not None:
            return self._begun(opened, mode, deadline)
        if earlier is None:
            # Another request began a run with this key since we looked.
            raise RequestInFlight(retry_after_s=1)
        return self._found(earlier, mode, deadline)

    def resume(
        self,
        principal: Principal,
        run_id: UUID,
        *,
        answer: str | None,
        mode: Mode,
        deadline: float,
    ) -> Answering:
        """Go on with a run that waits for a human's answer, or that nobody drives.

        Raises NotFound, RunOver, RequestInFlight, InvalidRequest without the answer that is waited
        for, Conflict with one that is not, and ContentBlocked.
        """
        tenant_id, journal = principal.tenant_id, self._world.journal
        said = Answer(answer, by=f"key:{principal.key_id}")
        with journal.transaction(tenant_id):
            held = self._driver.answer(tenant_id, run_id, said)
            token = journal.take_task_token(tenant_id, run_id)
            if mode is Mode.BACKGROUND:
                self._driver.release(held)
        waited = token is not None and self._carrier.answer_machine(token)
        if mode is not Mode.BACKGROUND:
            return _answering(held.run, self._carrier.carried(held, deadline=deadline))
        if not waited and not held.run.over:
            with journal.transaction(tenant_id):
                start = journal.count_start(tenant_id, run_id)
            self._carrier.start_machine(tenant_id, run_id, start)
        return _answering(held.run, _as_it_stands(held.run))

    def advance(self, tenant_id: UUID, run_id: UUID, *, deadline: float) -> Run:
        """Carry out the next command of a run; of one that is over, nothing.

        Raises NotFound, RequestInFlight while another driver holds the run, and NotYourTurn.
        """
        return self._driver.advance(self._driver.take(tenant_id, run_id), deadline=deadline)

    def _opened(self, keep: Callable[[], Held | None], mode: Mode) -> _Opened | None:
        held = keep()
        if held is None:
            return None
        if mode is not Mode.BACKGROUND or held.run.over:
            return _Opened(held, None)
        return _Opened(held, self._world.journal.count_start(held.run.tenant_id, held.run.id))

    def _begun(self, opened: _Opened, mode: Mode, deadline: float) -> Answering:
        held, run = opened.held, opened.held.run
        if opened.start is not None:
            self._carrier.start_machine(run.tenant_id, run.id, opened.start)
        if mode is Mode.BACKGROUND:
            return _answering(run, _as_it_stands(run))
        if run.status is RunStatus.QUEUED:
            return _answering(run, self._carrier.in_turn(run.tenant_id, run.id, deadline=deadline))
        return _answering(run, self._carrier.carried(held, deadline=deadline))

    def _found(self, earlier: KeyedRun, mode: Mode, deadline: float) -> Answering:
        run = earlier.run
        if mode is Mode.BACKGROUND:
            return _answering(run, _as_it_stands(run), replayed=True)
        if not run.over and earlier.lease_s > 0:
            raise RequestInFlight(retry_after_s=earlier.lease_s)
        try:
            events = self._carrier.carried(
                self._driver.take(run.tenant_id, run.id), deadline=deadline
            )
        except NotYourTurn:
            events = self._carrier.in_turn(run.tenant_id, run.id, deadline=deadline)
        return _answering(run, events, replayed=True)

    def _earlier(self, tenant_id: UUID, key: RequestKey | None) -> KeyedRun | None:
        """Find the run that the key began. Raises IdempotencyKeyReused."""
        known = None if key is None else self._world.journal.find_key(tenant_id, key.key)
        if key is not None and known is not None and known.request_hash != key.request_hash:
            raise IdempotencyKeyReused
        return known


def _answering(
    run: Run, events: Generator[LiveEvent, None, Run], *, replayed: bool = False
) -> Answering:
    return Answering(run_id=run.id, events=events, replayed=replayed)


def _as_it_stands(run: Run) -> Generator[LiveEvent, None, Run]:
    """Tell nothing: the run goes on without its caller."""
    yield from ()
    return run
