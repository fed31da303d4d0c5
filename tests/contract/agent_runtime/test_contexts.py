"""What every store of contexts and factors promises, and what a run keeps in it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from orchstack.agent_runtime.adapters.in_memory import InMemoryTools
from orchstack.agent_runtime.adapters.in_memory_contexts import EstimatingVocabularies
from orchstack.agent_runtime.driver import RunDriver
from orchstack.agent_runtime.model.contexts import (
    ContextManifest,
    ContextView,
    KeptPart,
    Reason,
    Section,
)
from orchstack.agent_runtime.model.runs import RunFilter, RunView
from orchstack.agent_runtime.model.steps import ModelWork, StepStatus
from orchstack.agent_runtime.service.contexts import ContextRecords
from orchstack.kernel.chat import Usage
from orchstack.kernel.errors import ContextTooLarge, NotFound, OrchStackError
from tests.contract.agent_runtime.archives import archive_of, forked
from tests.contract.agent_runtime.worlds import Stage, says, wishes

MakeStage = Callable[..., Stage]
LONG = "word " * 300
TIGHT = {"context": {"max_input_tokens": 700}}


def part(text: str) -> KeptPart:
    """A part as it is stored."""
    return KeptPart(hash=hashlib.sha256(text.encode()).hexdigest(), text=text)


def records_of(stage: Stage) -> ContextRecords:
    """What shows the stage's contexts."""
    return ContextRecords(
        archive=archive_of(stage),
        contexts=stage.world.context.contexts,
        vocabularies=EstimatingVocabularies(),
    )


def shown(stage: Stage, run_id: UUID, seq: int) -> ContextView:
    """What the model of a step was shown."""
    return records_of(stage).show(stage.tenant_id, run_id, seq)


def manifests(stage: Stage, run: RunView) -> list[ContextManifest]:
    """What is written down of a run's calls."""
    return list(calls(stage, run).values())


def calls(stage: Stage, run: RunView) -> dict[int, ContextManifest]:
    """The same, by the number of the step."""
    steps = archive_of(stage).steps(stage.tenant_id, run.id)
    works = {step.seq: step.work for step in steps if isinstance(step.work, ModelWork)}
    return {seq: work.context for seq, work in works.items() if work.context is not None}


def talk(stage: Stage, turns: int) -> RunView:
    """A session of so many long questions; gives the last run."""
    session_id = uuid4()
    return [stage.ask(f"Question {n}. {LONG}", session_id=session_id) for n in range(turns)][-1]


def test_what_a_model_was_shown_is_kept_and_shown(stage: Stage) -> None:
    """The second call of a run begins as the first; its parts are what was sent."""
    run = stage.ask()
    first, second = (shown(stage, run.id, seq) for seq in calls(stage, run))

    assert [Section.TOOLS, Section.SYSTEM, Section.INPUT] == [p.section for p in first.parts]
    assert ["input", "steps 2-3"] == [p.source for p in second.parts[2:]]
    assert first.tokens - 3 == second.prefix_tokens
    sent = stage.models.asked[1].messages
    assert sent[1:] == tuple(m for p in second.parts[2:] for m in p.messages)


def test_each_part_is_kept_once_a_run(make_stage: MakeStage) -> None:
    """The parts of a later call that are new, and no others."""
    stage = make_stage()
    run = stage.ask()
    named = {entry.hash for manifest in manifests(stage, run) for entry in manifest.parts}
    with stage.world.journal.transaction(stage.tenant_id):
        kept = stage.world.context.contexts.parts(stage.tenant_id, run.id, named)

    assert (4, named) == (len(named), set(kept))


def test_a_part_that_is_kept_again_stays(make_stage: MakeStage) -> None:
    """Two drivers may want to keep the same."""
    stage = make_stage()
    run, store = stage.ask(), stage.world.context.contexts
    mine = part('{"section":"input"}')
    with stage.world.journal.transaction(stage.tenant_id):
        store.keep(stage.tenant_id, run.id, [mine])
        store.keep(stage.tenant_id, run.id, [mine])
        found = store.parts(stage.tenant_id, run.id, [mine.hash, "0" * 64])

    assert {mine.hash: mine.text} == found
    assert {} == store.parts(stage.tenant_id, uuid4(), [mine.hash])


def test_nothing_is_shown_of_a_changed_part(make_stage: MakeStage) -> None:
    """What is read back is checked against its hash."""
    stage = make_stage()
    run, store = stage.ask(), stage.world.context.contexts
    entry = manifests(stage, run)[0].parts[-1]
    with stage.world.journal.transaction(stage.tenant_id):
        store.erase(archive_of(stage).run(stage.tenant_id, run.id))
        store.keep(stage.tenant_id, run.id, [KeptPart(hash=entry.hash, text="{}")])
    with pytest.raises(NotFound):
        shown(stage, run.id, 2)
    with stage.world.journal.transaction(stage.tenant_id):
        others = [e.hash for e in manifests(stage, run)[0].parts[:-1]]
        store.keep(stage.tenant_id, run.id, [KeptPart(hash=h, text="{}") for h in others])
    with pytest.raises(OrchStackError, match="changed after it was kept"):
        shown(stage, run.id, 2)


def test_steps_without_a_model_show_nothing(stage: Stage) -> None:
    """And so do steps that are not there."""
    run = stage.ask()
    for seq in (1, 3, 99_999):
        with pytest.raises(NotFound):
            shown(stage, run.id, seq)


def test_a_long_session_under_a_small_budget_goes_on(make_stage: MakeStage) -> None:
    """The oldest turns give way to their first sentences, which are named."""
    stage = make_stage([says(f"Answer 0. {LONG[:200]}")], **TIGHT)
    context = shown(stage, talk(stage, 6).id, 2)

    assert context.tokens <= context.budget == 700
    assert [Reason.SUMMARISED] == [left.reason for left in context.left_out]
    assert context.left_out[0].source.startswith("messages 1-")
    assert "message 10, assistant: Answer 0." in context.model_dump_json()


def test_a_large_result_does_not_end_a_run(make_stage: MakeStage) -> None:
    """It is shortened, and the run goes on."""
    script = [wishes(("calculator", {"expression": "long"})), says("Done.")]
    stage = make_stage(script, **TIGHT)
    tools = InMemoryTools({"calculator": lambda _: LONG * 20})
    run = replace(stage, world=replace(stage.world, tools=tools)).ask("Go on")

    assert "Done." == run.output
    assert [Reason.SHORTENED] == [left.reason for left in manifests(stage, run)[-1].left_out]


def test_an_input_that_cannot_fit_is_refused_and_not_kept(make_stage: MakeStage) -> None:
    """With how much there is and how much would fit; in the background too."""
    stage = make_stage(**TIGHT)
    with pytest.raises(ContextTooLarge) as caught:
        stage.ask(LONG * 3)

    assert "1,129 tokens" in caught.value.detail
    assert [] == stage.models.asked
    assert [] == stage.world.journal.page(stage.tenant_id, RunFilter(limit=1))


def test_what_providers_report_is_learned(make_stage: MakeStage) -> None:
    """Each tenant's next run counts by it; and in one run the factor stays."""
    used = says("Answer.", usage=Usage(input_tokens=500, output_tokens=1))
    stage = make_stage([used] * 9, **TIGHT)
    factors = stage.world.context.factors
    run = talk(stage, 4)
    with stage.world.journal.transaction(stage.tenant_id):
        learned = factors.factor(stage.tenant_id, "default")

    assert 1.1 < learned < 1.8
    assert 1.0 < manifests(stage, run)[0].factor <= learned
    assert 1.0 == factors.factor(uuid4(), "default")


def test_a_factor_moves_slowly_and_not_for_noise(make_stage: MakeStage) -> None:
    """The mean of the first calls, then a tenth of the difference."""
    stage = make_stage()
    factors, tenant = stage.world.context.factors, stage.tenant_id

    def learn(*reported: int) -> float:
        for tokens in reported:
            with stage.world.journal.transaction(tenant):
                factors.learn(tenant, "m", counted=1_000, reported=tokens)
        return factors.factor(tenant, "m")

    assert 1.2 == pytest.approx(learn(1_200))
    assert 1.1 == pytest.approx(learn(1_000))
    assert 1.1 == pytest.approx(learn(1_105))
    assert 1.1 < learn(*[1_400] * 20) < 1.4


def test_what_is_erased_is_gone(make_stage: MakeStage) -> None:
    """The texts of a run's contexts are erased with it."""
    stage = make_stage()
    run, archive = stage.ask(), archive_of(stage)
    named = {entry.hash for manifest in manifests(stage, run) for entry in manifest.parts}
    with stage.world.journal.transaction(stage.tenant_id):
        stage.world.context.contexts.erase(archive.run(stage.tenant_id, run.id))
        left = stage.world.context.contexts.parts(stage.tenant_id, run.id, named)

    assert {} == left


def test_a_call_that_is_asked_again_is_packed_as_it_was(make_stage: MakeStage) -> None:
    """After a crash, though more has been learned since: the manifest says how to count."""
    stage = make_stage([says("Answer.", usage=Usage(input_tokens=500, output_tokens=1))], **TIGHT)
    run = talk(stage, 4)
    archive, driver = archive_of(stage), RunDriver(stage.world)
    record, steps = (
        archive.run(stage.tenant_id, run.id),
        archive.steps(stage.tenant_id, run.id),
    )
    begun = steps[1].model_copy(update={"status": StepStatus.STARTED})
    document = stage.world.agents.effective(stage.tenant_id, run.agent, None).document
    held = driver._hold(record, document, driver._lease(), (steps[0], begun))

    assert isinstance(begun.work, ModelWork)
    assert stage.models.asked[-1] == driver._packing.again(held)
    assert begun.work.context == held.manifest


def test_a_fork_shows_what_it_took_over_and_keeps_its_own(stage: Stage) -> None:
    """A step it took over is shown as the other run's, also in a fork of a fork."""
    origin = stage.ask()
    first, second = calls(stage, origin)
    fork = forked(stage, origin.id, second)
    again = forked(stage, fork.id, second)

    for run in (fork, again):
        assert shown(stage, origin.id, first).parts == shown(stage, run.id, first).parts
        assert shown(stage, origin.id, second).parts == shown(stage, run.id, second).parts
