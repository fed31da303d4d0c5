"""Forks runs: begins a new one with the steps of another, from where it may go another way."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from orchstack.agent_runtime.driver import Held, RunDriver
from orchstack.agent_runtime.driver.casting import Casting
from orchstack.agent_runtime.loop import fork as taking
from orchstack.agent_runtime.model.events import Answering
from orchstack.agent_runtime.model.forks import Fork, ToolAnswer
from orchstack.agent_runtime.model.runs import Mode, Origin, Overrides, RequestKey, Run
from orchstack.agent_runtime.model.steps import (
    GuardOutcome,
    GuardStage,
    GuardWork,
    HandoffWork,
    RunStatus,
    Step,
    ToolWork,
)
from orchstack.agent_runtime.ports import World
from orchstack.agent_runtime.ports_records import Archive
from orchstack.agent_runtime.service.comparing import RunSteps
from orchstack.agent_runtime.service.receiving import Received, Receiver
from orchstack.agent_runtime.service.running import AgentRuntime
from orchstack.kernel.agents import GuardPolicy
from orchstack.kernel.errors import InvalidDocument, fault_at
from orchstack.kernel.ids import new_id
from orchstack.kernel.tenancy import Principal


@dataclass(frozen=True, kw_only=True)
class RunForker:
    """Makes forks; from then on they are runs like any other."""

    world: World
    driver: RunDriver
    runtime: AgentRuntime
    archive: Archive

    def fork(
        self, principal: Principal, fork: Fork, *, key: RequestKey | None, deadline: float
    ) -> Answering:
        """Begin a fork, or find the one that an earlier request with the same key began.

        Of the origin nothing is called again that it has done below the place; from there on all
        is. `deadline` is Unix time in seconds. Raises NotFound, Gone where the origin was erased,
        InvalidDocument and Conflict where it cannot be forked, and what starting a run raises.
        """
        return self.runtime.begin(
            principal.tenant_id,
            lambda: self._keep(principal, fork, key),
            mode=fork.mode,
            key=key,
            deadline=deadline,
        )

    def _keep(self, principal: Principal, fork: Fork, key: RequestKey | None) -> Held | None:
        tenant_id, given = principal.tenant_id, fork.tool_answer is not None
        origin, steps = RunSteps(archive=self.archive).recorded(tenant_id, fork.run_id)
        agent = self.world.agents.effective(tenant_id, origin.agent, origin.version)
        casting = Casting(agents=self.world.agents, tools=self.world.tools)
        first = taking.place(steps, fork.from_step, answered=given)
        without = fork.from_step if given else None
        taken = taking.taken_over(steps, first, without=without)
        documents = casting.documents(origin, agent.document, taken)
        taker = _Taker(self.world, tenant_id, documents[0].guards, documents[-1].guards)
        received = taker.input(origin, fork, taken)
        if fork.tool_answer is not None:
            taker.answer(fork.from_step, fork.tool_answer, taken)
        run = Run(
            tenant_id=tenant_id,
            id=new_id(),
            agent=agent.name,
            version=agent.version,
            key_id=principal.key_id,
            trace_id=fork.trace_id,
            mode=fork.mode,
            metadata=fork.metadata,
            overrides=_overrides(origin, fork, taken),
            forked_from=Origin(
                run_id=origin.id,
                step=len(taken) + 1,
                changed=tuple(sorted(step.seq for step in taker.fresh)),
            ),
            input=origin.input if received is None else received.text,
            attachments=origin.attachments,
            history=origin.history,
            status=RunStatus.QUEUED if fork.mode is Mode.BACKGROUND else RunStatus.RUNNING,
            created_at=self.world.clock.now(),
        )
        return self.driver.fork(run, agent.document, tuple(taken), taker.fresh, key=key)


class _Taker:
    """Puts into the steps that are taken over what is not as it was, past the guards."""

    def __init__(
        self, world: World, tenant_id: UUID, first: GuardPolicy, at_work: GuardPolicy
    ) -> None:
        self.fresh: list[Step] = []
        self._world = world
        self._tenant_id = tenant_id
        self._first = first
        self._at_work = at_work

    def input(self, origin: Run, fork: Fork, taken: list[Step]) -> Received | None:
        """Check the input, unless it and the decision on it are taken over."""
        if fork.text is None and taken:
            return None
        text = origin.input if fork.text is None else fork.text
        if not text and not origin.attachments:
            faults = [fault_at("/input", "is needed: a guard blocked that of the run")]
            raise InvalidDocument("There is no input to begin with.", faults=faults)
        world = self._world
        receiver = Receiver(guards=world.guards, blobs=world.blobs, documents=world.documents)
        received = receiver.receive(self._tenant_id, text, (), self._first)
        taken[:1] = [self._step(1, received.decision)]
        return received

    def answer(self, seq: int, given: ToolAnswer, taken: list[Step]) -> None:
        """Let the tool have answered otherwise."""
        step = taken[seq - 1]
        if not isinstance(step.work, ToolWork):
            raise TypeError(f"step {seq} is no call of a tool")
        checked = self._world.guards.check_tool_result(given.content, self._at_work)
        said = {"content": checked.text, "is_error": given.is_error, "child_run_id": None}
        findings = dict(checked.findings)
        decision = GuardWork(
            stage=GuardStage.TOOL,
            outcome=GuardOutcome.REDACTED if findings else GuardOutcome.ALLOWED,
            findings=findings,
            concerns=seq,
        )
        now = self._world.clock.now()
        times = {"started_at": now, "finished_at": now}
        taken[seq - 1] = step.model_copy(
            update={**times, "work": step.work.model_copy(update=said)}
        )
        taken.append(self._step(len(taken) + 1, decision))
        self.fresh.append(taken[seq - 1])

    def _step(self, seq: int, decision: GuardWork) -> Step:
        now = self._world.clock.now()
        step = Step(seq=seq, work=decision, started_at=now, finished_at=now)
        self.fresh.append(step)
        return step


def _overrides(origin: Run, fork: Fork, taken: list[Step]) -> Overrides:
    """Give what the fork changes, and what the origin had changed of the same agent's document."""
    before = origin.overrides
    if origin.forked_from is not None and _handed_over(taken, origin.forked_from.step):
        before = Overrides()
    return Overrides(
        instructions=before.instructions if fork.instructions is None else fork.instructions,
        model=before.model if fork.model is None else fork.model,
    )


def _handed_over(taken: list[Step], since: int) -> bool:
    """Whether another agent took over in one of the steps from number `since` on."""
    return any(
        isinstance(step.work, HandoffWork) and not step.work.refusal
        for step in taken
        if step.seq >= since
    )
