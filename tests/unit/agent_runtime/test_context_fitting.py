"""What a model is shown once it is not all that there is."""

from __future__ import annotations

import pytest

from orchstack.agent_runtime.context import Packed, fits_at_all, pack
from orchstack.agent_runtime.model.contexts import ContextManifest, Reason, Section
from orchstack.agent_runtime.model.steps import Step, ToolWork
from orchstack.kernel.chat import Role
from orchstack.kernel.errors import ContextTooLarge
from tests.unit.agent_runtime.material import (
    budget,
    material,
    passage,
    session,
    turn,
    user,
)

LONG = "The result is in this line. " * 80


def steps_of(turns: int) -> tuple[Step, ...]:
    """So many turns of one tool, each with a long result."""
    return tuple(step for at in range(turns) for step in turn(1 + 2 * at, f"{at}: {LONG}"))


def reasons(packed: Packed) -> dict[str, Reason]:
    """What was left out, and why."""
    return {left.source: left.reason for left in packed.manifest.left_out}


def shown(packed: Packed, section: Section) -> str:
    """All words of a section."""
    parts = [part for part in packed.parts if part.section is section]
    return "\n".join(message.content for part in parts for message in part.messages)


def test_old_results_are_cleared_before_history_is_summarised() -> None:
    """They can be had again; what was said in the session cannot."""
    packed = pack(material(history=session(4), steps=steps_of(8)), budget(4_600))

    assert {Reason.CLEARED} == set(reasons(packed).values())
    assert "step 2" == next(iter(reasons(packed)))
    assert "[result of step 2 cleared: 2,243 characters; ask again if needed]" in shown(
        packed, Section.TURNS
    )
    assert "Question 1." in shown(packed, Section.HISTORY)


def test_the_newest_results_are_cleared_last() -> None:
    """The model is still at work with them."""
    packed = pack(material(steps=steps_of(8)), budget(2_600))

    assert not {"step 12", "step 14", "step 16"} & set(reasons(packed))


def test_results_are_cleared_with_room_to_spare_and_stay_cleared() -> None:
    """So the beginning of the prompt stays the same over the next calls."""
    steps = steps_of(9)
    first = pack(material(steps=steps[:14]), budget(4_000))
    second = pack(material(steps=steps[:16]), budget(4_000), first.manifest)

    assert reasons(first)
    assert reasons(first) == reasons(second)
    assert first.manifest.tokens - 3 == second.manifest.prefix_tokens


def test_a_result_that_nobody_can_give_again_is_not_cleared() -> None:
    """Another agent's answer cost a run, and would not be the same."""
    steps = list(steps_of(8))
    asked = steps[1].work
    assert isinstance(asked, ToolWork)
    child = asked.model_copy(update={"child_run_id": "0198c5a0-0000-7000-8000-000000000009"})
    steps[1] = steps[1].model_copy(update={"work": child})
    packed = pack(material(steps=steps), budget(2_600))

    assert "step 2" not in reasons(packed)
    assert "step 4" in reasons(packed)


def test_a_summary_stands_for_turns_that_have_no_room() -> None:
    """It names the messages it stands for and gives their first sentences."""
    packed = pack(material(history=session(30)), budget(1_500))
    ((source, reason),) = reasons(packed).items()
    summary = shown(packed, Section.HISTORY).split("\n")

    assert (Reason.SUMMARISED, True) == (reason, source.startswith("messages 1-"))
    assert f"summary of {source}" in [entry.source for entry in packed.manifest.parts]
    last = int(source.split("-")[1])
    assert any(f"message {last}, assistant: Answer {last - 1}." in line for line in summary)
    assert f"Question {last + 1}. why" in shown(packed, Section.HISTORY)


def test_old_turns_are_dropped_without_a_summary_if_the_policy_says_so() -> None:
    """Nothing stands for them, and the manifest says it."""
    document = {"context": {"older_turns": "drop"}}
    packed = pack(material(history=session(30), document=document), budget(1_500))

    assert [Reason.DROPPED] == list(reasons(packed).values())
    assert "first sentence" not in shown(packed, Section.HISTORY)


def test_the_cut_in_a_session_stays_for_some_runs() -> None:
    """So providers can cache the beginning from one run to the next."""
    whole = session(60)
    starts = [
        reasons(pack(material(history=whole[:end]), budget(2_500))).popitem()[0]
        for end in range(60, 120, 2)
    ]

    assert 30 == len(starts)
    assert len(set(starts)) <= 8


def test_passages_are_shown_whole_or_not_at_all() -> None:
    """A citation refers to a span of them; the best ones come first."""
    passages = [passage(Section.KNOWLEDGE, f"Passage {n}. " + "fact " * 200) for n in range(1, 6)]
    packed = pack(material(passages=passages), budget(1_500))
    texts = shown(packed, Section.KNOWLEDGE).split("\n")

    assert [p.messages[0].content for p in passages[: len(texts)]] == texts
    assert 1 <= len(texts) < 5
    assert {Reason.DROPPED} == set(reasons(packed).values())


def test_no_section_takes_more_than_its_share_though_there_is_room() -> None:
    """Memory may fill a quarter."""
    passages = [passage(Section.MEMORY, "memory " * 100)] * 12
    packed = pack(material(passages=passages), budget(2_000))

    assert 0 < packed.manifest.sections[Section.MEMORY] <= 500


def test_shares_can_be_set() -> None:
    """A document may give history less, and knowledge more."""
    document = {
        "context": {"shares": {"history": {"priority": 40, "maximum": 0.2}}},
    }
    packed = pack(material(history=session(30), document=document), budget(3_000))

    assert packed.manifest.sections[Section.HISTORY] <= 600


def test_the_last_result_is_shortened_rather_than_the_run_ended() -> None:
    """Its beginning and its end are kept, and what is gone is said."""
    steps = turn(1, f"BEGIN {LONG * 10} END")
    packed = pack(material(steps=steps), budget(1_200))
    said = shown(packed, Section.TURNS)

    assert {"step 2": Reason.SHORTENED} == reasons(packed)
    assert "BEGIN" in said
    assert said.rstrip().endswith("END")
    assert "characters left out" in said


def test_the_oldest_turns_of_a_run_go_before_the_last() -> None:
    """A call and its results go together."""
    steps = [step for at in range(30) for step in turn(1 + 2 * at, "ok", text="I think. " * 20)]
    packed = pack(material(steps=steps), budget(800))
    sources = [e.source for e in packed.manifest.parts if e.section is Section.TURNS]

    assert "steps 59-60" == sources[-1]
    assert "steps 1-2" in reasons(packed)
    assert Reason.DROPPED is reasons(packed)["steps 1-2"]


def test_an_input_that_cannot_fit_is_refused_with_the_counts() -> None:
    """The caller learns how much there is and how much would fit."""
    large = material(asked=user("word " * 4_000))
    for refusing in (lambda: pack(large, budget(1_000)), lambda: fits_at_all(large, budget(1_000))):
        with pytest.raises(ContextTooLarge) as caught:
            refusing()

        assert 413 == caught.value.status
        assert "5,004 tokens" in caught.value.detail
        assert "9" in caught.value.detail.split(", and ")[1]


def test_an_input_that_fits_is_admitted_whatever_else_there_is() -> None:
    """History and turns would give way."""
    fits_at_all(material(), budget(600))

    assert pack(material(history=session(60)), budget(600)).manifest.tokens <= 600


def test_counts_are_corrected_by_what_was_learned() -> None:
    """With a factor of two, half as much is shown."""
    plain = pack(material(history=session(60)), budget(3_000))
    doubled = pack(material(history=session(60)), budget(3_000, factor=2.0))

    assert 2.0 == doubled.manifest.factor
    assert len(doubled.request.messages) < len(plain.request.messages)
    assert doubled.manifest.tokens <= 3_000


def test_nothing_is_counted_where_bytes_prove_that_it_fits() -> None:
    """A small prompt needs no vocabulary to be loaded."""
    packed = pack(material(history=session(3)), budget(100_000))

    assert ("bytes", 1.0) == (packed.manifest.counted, packed.manifest.factor)


def test_what_was_dropped_of_a_session_stays_dropped_in_a_run() -> None:
    """Also when the next call would have room for it again."""
    first = pack(material(history=session(30)), budget(1_500))
    second = pack(material(history=session(30)), budget(2_400), first.manifest)

    assert list(reasons(first)) == list(reasons(second))


def roles(manifest: ContextManifest) -> set[Section]:
    """The sections that are there."""
    return set(manifest.sections)


def test_tools_keep_their_answers_in_history_too() -> None:
    """An exchange is one part, with the calls and results in it."""
    packed = pack(material(history=session(2)), budget(9_000))
    kept = [part for part in packed.parts if part.section is Section.HISTORY]

    assert [[Role.USER, Role.ASSISTANT]] * 2 == [[m.role for m in p.messages] for p in kept]
    assert {Section.TOOLS, Section.SYSTEM, Section.HISTORY, Section.INPUT} == roles(packed.manifest)
