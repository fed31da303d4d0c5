"""Packs the next call of the model from what is written down, and keeps what was packed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from orchstack.agent_runtime import attaching
from orchstack.agent_runtime.context import Budget, Material, fits_at_all, pack
from orchstack.agent_runtime.driver.casting import Casting
from orchstack.agent_runtime.driver.held import Held
from orchstack.agent_runtime.loop.decision import CallModel, decide
from orchstack.agent_runtime.loop.state import RunState
from orchstack.agent_runtime.model.contexts import (
    LEAST_FACTOR,
    MOST_FACTOR,
    ContextManifest,
    ContextPart,
    Section,
    new_parts,
)
from orchstack.agent_runtime.model.runs import Run
from orchstack.agent_runtime.model.steps import ModelWork, Step
from orchstack.agent_runtime.ports_contexts import ContextPorts
from orchstack.kernel.agents import AgentDocument
from orchstack.kernel.chat import ChatRequest, Message, ToolSpec
from orchstack.kernel.errors import InvalidDocument, NoProviderAvailable

_BACKGROUND = frozenset({Section.MEMORY, Section.KNOWLEDGE})


@dataclass(frozen=True, kw_only=True)
class Packing:
    """Makes requests; from the same journal always the same one."""

    casting: Casting
    context: ContextPorts

    def admit(self, held: Held) -> None:
        """Raise ContextTooLarge if a run's input can never fit, before the run is kept."""
        try:
            tools = self._specs(held)
            budget = self._budget(held.run.tenant_id, held.document, ())
        except (InvalidDocument, NoProviderAvailable):
            # The run will tell, once it calls its model.
            return
        material = Material(document=held.document, asked=asked(held.run), tools=tools)
        fits_at_all(material, budget)

    def pack(self, held: Held, command: CallModel, state: RunState) -> ChatRequest:
        """Pack the call that was decided; its manifest and its new parts are held with it.

        Raises ContextTooLarge, and InvalidDocument if one of the tools is gone.
        """
        before = manifests(state.steps)
        material = Material(
            document=held.document,
            asked=asked(held.run),
            history=held.run.history,
            steps=state.steps,
            tools=self._specs(held),
            passages=self._passages(held, before),
            last=command.last,
            max_output_tokens=command.max_output_tokens,
        )
        budget = self._budget(held.run.tenant_id, held.document, before)
        earlier = [manifest for manifest in before if manifest is not _begun(state.steps)]
        packed = pack(material, budget, earlier[-1] if earlier else None)
        held.request, held.manifest = packed.request, packed.manifest
        held.unkept = new_parts(packed.parts, before)
        return packed.request

    def again(self, held: Held) -> ChatRequest:
        """Pack the call that is written down as begun. Raises InvalidDocument."""
        command = decide(held.state)
        if not isinstance(command, CallModel):
            raise TypeError(f"run {held.run.id} does not wait for a model")
        return self.pack(held, command, held.state)

    def keep(self, held: Held) -> None:
        """Keep the new parts of what was packed, in the transaction that is open."""
        if held.unkept:
            self.context.contexts.keep(held.run.tenant_id, held.run.id, held.unkept)
            held.unkept = ()

    def learn(self, run: Run, done: Sequence[Step]) -> None:
        """Learn from what a provider reported, in the transaction that is open."""
        for step in done:
            context = step.work.context if isinstance(step.work, ModelWork) else None
            reported = step.usage.input_tokens
            if context is None or context.counted != "tokens":
                continue
            counted = round(context.tokens / context.factor)
            if LEAST_FACTOR <= reported / counted <= MOST_FACTOR:
                self.context.factors.learn(
                    run.tenant_id, context.model, counted=counted, reported=reported
                )

    def _specs(self, held: Held) -> tuple[ToolSpec, ...]:
        """Describe the agent's tools, once while it is at work."""
        if held.specs is None:
            held.specs = self.casting.specs(
                held.run.tenant_id, held.document, asked_by_agent=held.run.parent is not None
            )
        return held.specs

    def _budget(
        self, tenant_id: UUID, document: AgentDocument, before: Sequence[ContextManifest]
    ) -> Budget:
        """Find how much a call may hold; in one run it is counted in the same way all along."""
        tokens, model = self.context.tokens, document.model
        allowed = tokens.window(model) - document.limits.max_output_tokens
        asked = document.context.max_input_tokens
        return Budget(
            tokens=allowed if asked is None else min(allowed, asked),
            tokenizer=tokens.tokenizer(model),
            count=partial(tokens.count, model),
            factor=partial(self._factor, tenant_id, model, before),
        )

    def _factor(self, tenant_id: UUID, model: str, before: Sequence[ContextManifest]) -> float:
        counted = [m.factor for m in before if m.model == model and m.counted == "tokens"]
        return counted[0] if counted else self.context.factors.factor(tenant_id, model)

    def _passages(self, held: Held, before: Sequence[ContextManifest]) -> tuple[ContextPart, ...]:
        """Look up what may help, once a run: later calls show what the first one showed of it."""
        if held.passages is None:
            held.passages = self._kept(held.run, before[0]) if before else None
        if held.passages is None:
            held.passages = self.context.background.passages(held.run, held.document)
        return held.passages

    def _kept(self, run: Run, first: ContextManifest) -> tuple[ContextPart, ...] | None:
        """Read again what was looked up; None if it is not kept with this run."""
        hashes = [entry.hash for entry in first.parts if entry.section in _BACKGROUND]
        if not hashes:
            return ()
        texts = self.context.contexts.parts(run.tenant_id, run.id, hashes)
        if set(hashes) != set(texts):
            return None
        return tuple(ContextPart.model_validate_json(texts[name]) for name in hashes)


def asked(run: Run) -> Message:
    """Give what the user asks, as a message."""
    return attaching.asked(run.input, run.attachments)


def manifests(steps: Sequence[Step]) -> tuple[ContextManifest, ...]:
    """Give the manifests of a run's calls, in order; of one that is under way too."""
    contexts = (step.work.context for step in steps if isinstance(step.work, ModelWork))
    return tuple(context for context in contexts if context is not None)


def _begun(steps: Sequence[Step]) -> ContextManifest | None:
    """Give the manifest of the call that is written down as begun."""
    last = steps[-1] if steps else None
    if last is None or last.finished or not isinstance(last.work, ModelWork):
        return None
    return last.work.context
