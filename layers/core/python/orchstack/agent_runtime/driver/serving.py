"""Calls the tools an answer asks for, and checks what they give before a model may see it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
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
    do: Callable[[], Answer]


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
        open_end: OrchStackError | None = None
        watch = gather({seq: call.do for seq, call in calls.items()}, self._tick(held))
        while calls and not held.cancel_requested:
            with held.timed("tools"):
                done = next(watch)
            results: list[tuple[_Call, Answer]] = []
            for seq, result in self._ends(calls, done):
                call = calls.pop(seq)
                if isinstance(result, OrchStackError):
                    open_end = result
                else:
                    results.append((call, result))
            if results:
                yield self._written(held, results)
        watch.close()
        if open_end is not None:
            raise open_end

    def _tick(self, held: Held) -> Callable[[], None]:
        return partial(self.lease.keep, held)

    def _ends(
        self, calls: dict[int, _Call], done: dict[int, Future[Answer]]
    ) -> list[tuple[int, Answer | OrchStackError]]:
        """Give how calls ended: those that are done, and those that are waited for no longer."""
        if done:
            return [(seq, self._end(calls[seq], future)) for seq, future in done.items()]
        now = self.clock.now().timestamp()
        late = [(seq, call) for seq, call in calls.items() if now > call.until + GRACE_S]
        return [(seq, _given_up(call)) for seq, call in late]

    def _end(self, call: _Call, future: Future[Answer]) -> Answer | OrchStackError:
        try:
            result = future.result()
        except (DeadlineExceeded, Unavailable, Conflict) as error:
            return error
        out_of_time = self.clock.now().timestamp() >= call.until
        # With more time than this function has, it might not have failed.
        return DeadlineExceeded() if result.is_error and call.cut_short and out_of_time else result

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

    def _written(self, held: Held, results: list[tuple[_Call, Answer]]) -> tuple[Step, ...]:
        now = self.clock.now()
        with held.timed("guard"):
            checked = [
                self._checked(call, result, held.document.guards, now) for call, result in results
            ]
        decided = plan.finished(
            [decision for _, decision in checked],
            state=held.state,
            since=min(call.since for call, _ in results),
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


def _given_up(call: _Call) -> Answer | OrchStackError:
    if call.cut_short:
        return DeadlineExceeded()
    words = f"{call.work.call.name} did not answer in time. Go on without it, or ask for less."
    return Answer(content=words, is_error=True)
