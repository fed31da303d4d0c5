"""Shows what a model was shown: the context of one call, put together from its kept parts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from orchstack.agent_runtime.context.weighing import REPLY, Scale, in_tokens
from orchstack.agent_runtime.model.contexts import (
    ContextManifest,
    ContextPart,
    ContextPartView,
    ContextView,
    PartEntry,
    Section,
    same_beginning,
)
from orchstack.agent_runtime.model.runs import Run
from orchstack.agent_runtime.model.steps import ModelWork, Step
from orchstack.agent_runtime.ports_contexts import Contexts, Vocabularies
from orchstack.agent_runtime.ports_records import Archive
from orchstack.kernel.errors import Gone, NotFound, OrchStackError


@dataclass(frozen=True, kw_only=True)
class ContextRecords:
    """The contexts of runs, as they were kept; every part is checked against its hash."""

    archive: Archive
    contexts: Contexts
    vocabularies: Vocabularies

    def show(self, tenant_id: UUID, run_id: UUID, seq: int) -> ContextView:
        """Show what the model of a step was shown, counted exactly.

        A step that was taken over from another run is shown as that run's. Raises NotFound for a
        step that calls no model, and Gone once the run was erased.
        """
        with self.archive.transaction(tenant_id):
            run = self._owner(tenant_id, run_id, seq)
            steps = self.archive.steps(tenant_id, run.id, limit=seq)
            step, manifest = _call(steps, seq)
            hashes = {entry.hash for entry in manifest.parts}
            texts = self.contexts.parts(tenant_id, run.id, hashes)
        parts = [_checked(entry, texts) for entry in manifest.parts]
        count = partial(self.vocabularies.count, manifest.tokenizer)
        before = [c for s in steps if s.seq < seq and (c := _context(s)) is not None]
        scale = in_tokens(count, manifest.factor)
        return _view(run.id, step, manifest, parts, before[-1:], scale)

    def _owner(self, tenant_id: UUID, run_id: UUID, seq: int) -> Run:
        """Find the run in which a step was carried out. Raises NotFound, Gone."""
        run = self.archive.run(tenant_id, run_id)
        if run.erased_at is not None:
            raise Gone("This run was erased, and what its models were shown with it.")
        if run.forked_from is None or not run.forked_from.covers(seq):
            return run
        return self._owner(tenant_id, run.forked_from.run_id, seq)


def _call(steps: Sequence[Step], seq: int) -> tuple[Step, ContextManifest]:
    step = next((step for step in steps if step.seq == seq), None)
    if step is None:
        raise NotFound(f"The run has no step {seq}.")
    manifest = _context(step)
    if manifest is None:
        raise NotFound(f"Step {seq} shows a model nothing: it is a {step.work.kind} step.")
    return step, manifest


def _context(step: Step) -> ContextManifest | None:
    return step.work.context if isinstance(step.work, ModelWork) else None


def _checked(entry: PartEntry, texts: Mapping[str, str]) -> ContextPart:
    """Read a part. Raises NotFound if it is not there, OrchStackError if it was changed."""
    text = texts.get(entry.hash)
    if text is None:
        raise NotFound("A part of this step's context is not there any more.")
    if hashlib.sha256(text.encode()).hexdigest() != entry.hash:
        raise OrchStackError(f"The part {entry.hash} was changed after it was kept.")
    return ContextPart.model_validate_json(text)


def _view(
    run_id: UUID,
    step: Step,
    manifest: ContextManifest,
    parts: Sequence[ContextPart],
    before: Sequence[ContextManifest],
    scale: Scale,
) -> ContextView:
    shown = tuple(
        ContextPartView(
            section=part.section,
            source=entry.source,
            tokens=scale.weigh(part),
            hash=entry.hash,
            messages=part.messages,
            tools=part.tools,
        )
        for entry, part in zip(manifest.parts, parts, strict=True)
    )
    same = same_beginning(manifest, before[0]) if before else 0
    return ContextView(
        run_id=run_id,
        step=step.seq,
        hash=manifest.hash,
        model=manifest.model,
        tokenizer=manifest.tokenizer,
        factor=manifest.factor,
        budget=manifest.budget,
        tokens=REPLY + sum(part.tokens for part in shown),
        reported_tokens=step.usage.input_tokens,
        prefix_tokens=sum(part.tokens for part in shown[:same]),
        sections={
            section: tokens
            for section in Section
            if (tokens := sum(part.tokens for part in shown if part.section is section))
        },
        parts=shown,
        left_out=manifest.left_out,
    )
