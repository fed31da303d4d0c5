"""Calls the tools an answer asks for, and checks what they give before a model may see it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID

from orchstack.agent_runtime.driver.children import Answer, Asked, Children
from orchstack.agent_runtime.driver.gathering import gather
from orchstack.agent_runtime.driver.held import Held
from orchstack.agent_runtime.driver.lease import LeaseKeeper
from orchstack.agent_runtime.driver.text import storable
from orchstack.agent_runtime.loop import plan
from orchstack.agent_runtime.model.steps import (
    GuardOutcome,
    GuardStage,
    GuardWork,
    Step,
    StepStatus,
    ToolWork,
)
from orchstack.agent_runtime.ports import Guards, Tools
from orchstack.kernel.agents import ASK_HUMAN, GuardPolicy
from orchstack.kernel.chat import Usage
from orchstack.kernel.clock import Clock
from orchstack.kernel.errors import (
    Conflict,
    DeadlineExceeded,
    OrchStackError,
    Unavailable,
)

MAX_CONTENT: Final = 100_000
# How much longer than its time a tool is waited for, in seconds.
GRACE_S: Final = 1.0
# How often a cancelled run looks whether the agents that it asked have ended: a second.
_PATIENCE: Final = 4
_NO_TIME: Final = "There was no time left to call the tool."
_NOBODY: Final = (
    "No human can be asked here. Go on without, and say in your answer what you would need to know."
)
_NO_QUESTION: Final = f"{ASK_HUMAN} needs `question`, a text that a human can answer."


@dataclass(frozen=True, kw_only=True)
class _Call:
    """A call under way, and until when it may take; `cut_short`: the function ends before it."""

    step: Step
    work: ToolWork
    since: datetime
    until: float
    cut_short: bool
    # Whether another agent's run is what is called.
    asks: bool
    do: Callable[[], Answer]


@dataclass(frozen=True)
class _Ended:
    """A call that has finished."""

    call: _Call
    answer: Answer


@dataclass
class _Tally:
    """What has become of calls: those that go on, those that ended, and what kept one from it."""

    calls: dict[int, _Call]
    ended: list[_Ended] = field(default_factory=list)
    open_end: OrchStackError | None = None
    patience: int = _PATIENCE

    def goes_on(self, *, cancelled: bool) -> bool:
        """Whether any call is still waited for: once all is cancelled, only agents, and not long.

        They are cancelled too, and end their runs themselves.
        """
        if not cancelled:
            return bool(self.calls)
        self.patience -= 1
        return self.patience >= 0 and any(call.asks for call in self.calls.values())

    def count(self, outcomes: Iterable[_Ended | OrchStackError]) -> None:
        """Take in how calls ended; an error is no end."""
        for outcome in outcomes:
            if isinstance(outcome, _Ended):
                self.ended.append(outcome)
            else:
                self.open_end = outcome

    def take(self) -> list[_Ended]:
        """Give those that ended, once."""
        taken, self.ended = self.ended, []
        return taken


@dataclass(frozen=True, kw_only=True)
class Serving:
    """Carries out calls of tools, all at once, each in a thread of its own."""

    tools: Tools
    children: Children
    guards: Guards
    lease: LeaseKeeper
    clock: Clock

    def serve(
        self, held: Held, pending: tuple[Step, ...], *, deadline: float
    ) -> Iterator[tuple[Step, ...]]:
        """Give the calls that have finished, as they do, then the guard's decision on each result.

        Ends early once the run is to be cancelled. Raises LeaseLost at once; when all others have
        finished, what kept a call from finishing in this function's time: DeadlineExceeded,
        Unavailable. The next driver makes it again.
        """
        calls = {step.seq: self._call(held, step, deadline) for step in pending}
        tasks, tally = {seq: call.do for seq, call in calls.items()}, _Tally(calls)
        with closing(gather(tasks, partial(self.lease.keep, held))) as watch:
            while tally.goes_on(cancelled=held.cancel_requested):
                with held.timed("tools"):
                    done = next(watch)
                tally.count(self._ended(calls, done))
                if tally.ended and not held.cancel_requested:
                    yield self._written(held, tally.take())
        if tally.ended:
            yield self._written(held, tally.take())
        if tally.open_end is not None:
            raise tally.open_end

    def _ended(
        self, calls: dict[int, _Call], done: dict[int, Future[Answer]]
    ) -> list[_Ended | OrchStackError]:
        """Take out the calls that are done, or that are waited for no longer: with how they ended.

        An error is no end: the call is made again.
        """
        if done:
            return [self._end(calls.pop(seq), future) for seq, future in done.items()]
        now = self.clock.now().timestamp()
        late = [seq for seq, call in calls.items() if now > call.until + GRACE_S]
        return [_given_up(calls.pop(seq)) for seq in late]

    def _end(self, call: _Call, future: Future[Answer]) -> _Ended | OrchStackError:
        try:
            answer = future.result()
        except (DeadlineExceeded, Unavailable, Conflict) as error:
            return error
        out_of_time = self.clock.now().timestamp() >= call.until
        if answer.is_error and call.cut_short and out_of_time:
            # With more time than this function has, it might not have failed.
            return DeadlineExceeded()
        return _Ended(call, answer)

    def _call(self, held: Held, step: Step, deadline: float) -> _Call:
        work, now = step.work, self.clock.now()
        if not isinstance(work, ToolWork):
            raise TypeError(f"step {step.seq} is no call of a tool")
        asks = work.call.name in held.state.rules.asks
        # Another agent's run ends itself by what it was left of ours.
        own = held.ends_at
        if not asks:
            own = min(own, now.timestamp() + held.state.limits.max_tool_seconds)
        until = deadline if asks else min(deadline, own)
        return _Call(
            step=step,
            work=work,
            since=now,
            until=until,
            cut_short=deadline <= own,
            asks=asks,
            do=self._doing(held, step, work, until=until, own=own),
        )

    def _doing(
        self, held: Held, step: Step, work: ToolWork, *, until: float, own: float
    ) -> Callable[[], Answer]:
        """Give what is to be done: it reads nothing that may change meanwhile."""
        now, rules = self.clock.now().timestamp(), held.state.rules
        if not work.permitted:
            return partial(Answer, content=work.content, is_error=True)
        if work.call.name == ASK_HUMAN:
            words = _NO_QUESTION if rules.human else _NOBODY
            return partial(Answer, content=words, is_error=True)
        if own <= now:
            return partial(Answer, content=_NO_TIME, is_error=True)
        if work.call.name in rules.asks:
            asked = Asked.of(held, step, work, now)
            return partial(self.children.ask, asked, deadline=until)
        return partial(self._use, held.run.tenant_id, step, work, until)

    def _use(self, tenant_id: UUID, step: Step, work: ToolWork, until: float) -> Answer:
        key = step.idempotency_key or ""
        try:
            result = self.tools.call(tenant_id, work.call, idempotency_key=key, deadline=until)
        except OrchStackError as error:
            return Answer(content=error.detail, is_error=True)
        return Answer(content=result.content, is_error=result.is_error)

    def _written(self, held: Held, results: list[_Ended]) -> tuple[Step, ...]:
        now = self.clock.now()
        with held.timed("guard"):
            checked = [
                self._checked(each.call, each.answer, held.document.guards, now) for each in results
            ]
        decided = plan.finished(
            [decision for _, decision in checked],
            state=held.state,
            since=min(each.call.since for each in results),
            now=now,
        )
        return (*(step for step, _ in checked), *decided)

    def _checked(
        self, call: _Call, result: Answer, policy: GuardPolicy, now: datetime
    ) -> tuple[Step, GuardWork]:
        content = storable(result.content)[:MAX_CONTENT]
        checked = self.guards.check_tool_result(content, policy)
        findings, child = dict(checked.findings), result.child
        known = {
            "content": checked.text,
            "is_error": result.is_error,
            "child_run_id": None if child is None else child.id,
        }
        step = call.step.model_copy(
            update={
                "status": StepStatus.FINISHED,
                "work": call.work.model_copy(update=known),
                "usage": Usage() if child is None else child.usage,
                "cost_micro_usd": 0 if child is None else child.cost_micro_usd,
                "started_at": call.since,
                "finished_at": now,
            }
        )
        decision = GuardWork(
            stage=GuardStage.TOOL,
            outcome=GuardOutcome.REDACTED if findings else GuardOutcome.ALLOWED,
            findings=findings,
            concerns=call.step.seq,
        )
        return step, decision


def _given_up(call: _Call) -> _Ended | OrchStackError:
    if call.cut_short:
        return DeadlineExceeded()
    words = f"{call.work.call.name} did not answer in time. Go on without it, or ask for less."
    return _Ended(call, Answer(content=words, is_error=True))
