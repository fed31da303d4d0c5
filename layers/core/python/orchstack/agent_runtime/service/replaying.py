"""Replays runs: lets each decision be made anew from the journal; nothing is called or kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final
from uuid import UUID

from orchstack.agent_runtime.context import Budget, Material, pack
from orchstack.agent_runtime.driver.casting import Casting
from orchstack.agent_runtime.driver.packing import asked, manifests
from orchstack.agent_runtime.loop.decision import CallModel, Command, decide
from orchstack.agent_runtime.loop.replay import Recording, replay
from orchstack.agent_runtime.loop.state import RunState
from orchstack.agent_runtime.model.contexts import ContextManifest, ContextPart, Section
from orchstack.agent_runtime.model.replays import ReplayReport
from orchstack.agent_runtime.model.runs import Run
from orchstack.agent_runtime.model.steps import Step
from orchstack.agent_runtime.ports_contexts import Contexts, Vocabularies
from orchstack.agent_runtime.ports_records import Archive
from orchstack.agent_runtime.service.comparing import RunSteps
from orchstack.kernel.agents import AgentDocument

_BACKGROUND: Final = frozenset({Section.MEMORY, Section.KNOWLEDGE})
_GIVEN: Final = _BACKGROUND | {Section.TOOLS}


@dataclass(frozen=True, kw_only=True)
class RunReplayer:
    """Makes the decisions of recorded runs again."""

    archive: Archive
    casting: Casting
    contexts: Contexts
    vocabularies: Vocabularies
    # The rule that decides.
    decide: Callable[[RunState], Command] = decide

    def replay(self, tenant_id: UUID, run_id: UUID) -> ReplayReport:
        """Decide a run anew, as far as it goes. Raises NotFound, and Gone if it was erased."""
        with self.archive.transaction(tenant_id):
            run, steps = RunSteps(archive=self.archive).recorded(tenant_id, run_id)
            first = self.casting.agents.effective(tenant_id, run.agent, run.version).document
            documents = self.casting.documents(run, first, steps)
            parts = self._parts(run, steps)
        packer = _Packer(run, parts, self.vocabularies)
        return replay(
            Recording(
                state=RunState.of(run, documents).apply(*steps),
                documents=documents,
                repack=packer.hash_of,
                first=1 if run.forked_from is None else run.forked_from.step,
                decide=self.decide,
            )
        )

    def _parts(self, run: Run, steps: Sequence[Step]) -> Mapping[str, str]:
        """Give what came from outside of what models were shown: tools, and what was looked up."""
        entries = (entry for manifest in manifests(steps) for entry in manifest.parts)
        hashes = {entry.hash for entry in entries if entry.section in _GIVEN}
        return self.contexts.parts(run.tenant_id, run.id, sorted(hashes))


@dataclass(frozen=True)
class _Packer:
    """Packs a run's calls again, from what is on record of them."""

    run: Run
    parts: Mapping[str, str]
    vocabularies: Vocabularies

    def hash_of(
        self,
        state: RunState,
        document: AgentDocument,
        command: CallModel,
        recorded: ContextManifest,
    ) -> str:
        """Give the hash of the context that the model is shown."""
        before = manifests(state.steps)
        # Later calls show what the first one showed of it.
        looked_up = self._kept(before[0] if before else recorded, _BACKGROUND)
        material = Material(
            document=document,
            asked=asked(self.run),
            history=self.run.history,
            steps=state.steps,
            tools=[spec for part in self._kept(recorded, {Section.TOOLS}) for spec in part.tools],
            passages=looked_up,
            last=command.last,
            max_output_tokens=command.max_output_tokens,
        )
        budget = Budget(
            tokens=recorded.budget,
            tokenizer=recorded.tokenizer,
            count=partial(self.vocabularies.count, recorded.tokenizer),
            factor=lambda: recorded.factor,
        )
        packed = pack(material, budget, before[-1] if before else None)
        return packed.manifest.hash

    def _kept(
        self, manifest: ContextManifest, sections: frozenset[Section] | set[Section]
    ) -> tuple[ContextPart, ...]:
        names = (entry.hash for entry in manifest.parts if entry.section in sections)
        return tuple(
            ContextPart.model_validate_json(self.parts[name])
            for name in names
            if name in self.parts
        )
