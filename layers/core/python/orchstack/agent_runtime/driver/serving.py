"""Calls the tools an answer asks for, and checks what they give before a model may see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

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
from orchstack.kernel.clock import Clock
from orchstack.kernel.errors import OrchStackError

# Shorter than a lease, so that no other driver takes the run over while a tool works.
MAX_TOOL_SECONDS: Final = 25.0
MAX_CONTENT: Final = 100_000


@dataclass(frozen=True)
class _Result:
    content: str
    is_error: bool = False


@dataclass(frozen=True, kw_only=True)
class Serving:
    """Carries out calls of tools, one after the other, in the order of the wishes."""

    tools: Tools
    guards: Guards
    lease: LeaseKeeper
    clock: Clock

    def serve(self, held: Held, pending: tuple[Step, ...], *, deadline: float) -> tuple[Step, ...]:
        """Give the finished steps, then the guard's decision on each result. Raises LeaseLost."""
        done: list[Step] = []
        decisions: list[GuardWork] = []
        since = self.clock.now()
        for step in pending:
            self.lease.keep(held, ahead_s=MAX_TOOL_SECONDS)
            finished, decision = self._one(held, step, deadline)
            done.append(finished)
            decisions.append(decision)
        decided = plan.finished(decisions, state=held.state, since=since, now=self.clock.now())
        return (*done, *decided)

    def _one(self, held: Held, step: Step, deadline: float) -> tuple[Step, GuardWork]:
        work = step.work
        if not isinstance(work, ToolWork):
            raise TypeError(f"step {step.seq} is no call of a tool")
        since = self.clock.now()
        with held.timed("tools"):
            result = self._call(held, step, work, deadline)
        with held.timed("guard"):
            checked, decision = self._check(held, step, result)
        known = {"content": checked.content, "is_error": checked.is_error}
        end = {"status": StepStatus.FINISHED, "started_at": since, "finished_at": self.clock.now()}
        finished = step.model_copy(update={**end, "work": work.model_copy(update=known)})
        return finished, decision

    def _call(self, held: Held, step: Step, work: ToolWork, deadline: float) -> _Result:
        now = self.clock.now().timestamp()
        until = min(deadline, held.ends_at, now + MAX_TOOL_SECONDS)
        if not work.permitted:
            named = ", ".join(held.document.tools) or "none"
            refusal = f"This agent may not call {work.call.name}; it may call: {named}."
            return _Result(refusal, is_error=True)
        if until <= now:
            return _Result("There was no time left to call the tool.", is_error=True)
        try:
            result = self.tools.call(
                held.run.tenant_id,
                work.call,
                idempotency_key=step.idempotency_key or "",
                deadline=until,
            )
        except OrchStackError as error:
            return _Result(error.detail, is_error=True)
        return _Result(storable(result.content)[:MAX_CONTENT], result.is_error)

    def _check(self, held: Held, step: Step, result: _Result) -> tuple[_Result, GuardWork]:
        checked = self.guards.check_tool_result(result.content, held.document.guards)
        findings = dict(checked.findings)
        decision = GuardWork(
            stage=GuardStage.TOOL,
            outcome=GuardOutcome.REDACTED if findings else GuardOutcome.ALLOWED,
            findings=findings,
            concerns=step.seq,
        )
        return _Result(checked.text, result.is_error), decision
