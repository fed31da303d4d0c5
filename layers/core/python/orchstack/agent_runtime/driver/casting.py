"""The agents that a run passes through, and the tools that the model of each is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from orchstack.agent_runtime.driver.held import Held
from orchstack.agent_runtime.loop import links, plan
from orchstack.agent_runtime.loop.decision import HandOff
from orchstack.agent_runtime.loop.rules import Rules, unknown
from orchstack.agent_runtime.loop.state import RunState
from orchstack.agent_runtime.model.runs import Run
from orchstack.agent_runtime.model.steps import HandoffWork, Step
from orchstack.agent_runtime.ports import AgentDirectory, Tools
from orchstack.kernel.agents import ASK_HUMAN, AgentDocument, AgentLink, EffectiveAgent
from orchstack.kernel.chat import ToolSpec
from orchstack.kernel.errors import NotFound


def sticky_of(run: Run) -> str:
    """Give what chooses between the arms of a canary: the session, else the run."""
    return str(run.session_id or run.id)


def _handoffs(steps: Sequence[Step]) -> list[HandoffWork]:
    works = (step.work for step in steps if step.finished)
    return [work for work in works if isinstance(work, HandoffWork) and not work.refusal]


@dataclass(frozen=True, kw_only=True)
class Casting:
    """Finds the agents of a run, and describes the tools of the one that is at work."""

    agents: AgentDirectory
    tools: Tools

    def documents(
        self, run: Run, first: AgentDocument, steps: Sequence[Step]
    ) -> tuple[AgentDocument, ...]:
        """Give the document of each agent a run has passed through. Raises NotFound."""
        passed = [
            first,
            *(
                self.agents.effective(run.tenant_id, work.agent, work.version).document
                for work in _handoffs(steps)
            ),
        ]
        origin = run.forked_from
        if origin is not None:
            at_work = len(_handoffs([step for step in steps if step.seq < origin.step]))
            passed[at_work] = run.overrides.over(passed[at_work])
        return tuple(passed)

    def hand_over(
        self, held: Held, command: HandOff, state: RunState
    ) -> tuple[HandoffWork, RunState]:
        """Let another agent take the run over: gives what to write down, and the state for it."""
        run, refusal = held.run, command.refusal
        found = None
        if refusal is None:
            found = self._found(run.tenant_id, command.agent, sticky_of(run))
        if found is None:
            refusal = refusal or unknown(command.agent)
            return plan.handing_off(command, version=None, refusal=refusal), state
        held.document, held.request, held.specs = found.document, None, None
        rules = Rules.of(found.document, asked_by_agent=run.parent is not None)
        cast = (*state.cast, rules)
        work = plan.handing_off(command, version=found.version, refusal=None)
        return work, replace(state, cast=cast)

    def specs(
        self, tenant_id: UUID, document: AgentDocument, *, asked_by_agent: bool = False
    ) -> tuple[ToolSpec, ...]:
        """Describe the tools of an agent. Raises InvalidDocument if one is gone."""
        human = ASK_HUMAN in document.tools and not asked_by_agent
        own = self.tools.specs([name for name in document.tools if name != ASK_HUMAN])
        others = (links.spec_of(link, self._words(tenant_id, link)) for link in document.agents)
        return (*own, *((links.HUMAN,) if human else ()), *others)

    def _words(self, tenant_id: UUID, link: AgentLink) -> str:
        """Give what an agent says of itself, where the link says nothing."""
        found = None if link.description else self._found(tenant_id, link.agent)
        return "" if found is None else found.document.description

    def _found(self, tenant_id: UUID, agent: str, sticky: str = "") -> EffectiveAgent | None:
        try:
            return self.agents.effective(tenant_id, agent, None, sticky=sticky)
        except NotFound:
            return None
