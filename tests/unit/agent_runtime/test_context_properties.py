"""What holds for every context, whatever there is to show and however little room."""

from __future__ import annotations

from math import floor

from hypothesis import given, settings
from hypothesis import strategies as st

from orchstack.agent_runtime.context import Material, Packed, assemble, pack
from orchstack.agent_runtime.context.blocks import blocks
from orchstack.agent_runtime.context.fitting import SHARED, room_left, share_of
from orchstack.agent_runtime.context.history import recent
from orchstack.agent_runtime.context.weighing import REPLY, in_tokens
from orchstack.agent_runtime.model.contexts import ContextPart, Section
from orchstack.kernel.chat import Message, Role
from orchstack.kernel.errors import ContextTooLarge
from orchstack.kernel.tokens import estimate_tokens
from tests.unit.agent_runtime.material import budget, material, passage, session, turn, user

words = st.integers(0, 400).map(lambda n: "some words " * n)
results = st.lists(st.integers(0, 900).map(lambda n: "line of a result\n" * n), max_size=3)
minima = st.floats(0, 0.2)


@st.composite
def shares(draw: st.DrawFn) -> dict[str, dict[str, float]]:
    """Shares that a document may ask for."""
    given = {}
    for section in SHARED:
        least = draw(minima)
        given[section.value] = {
            "priority": draw(st.integers(0, 100)),
            "minimum": least,
            "maximum": draw(st.floats(least, 1)),
        }
    return given


@st.composite
def materials(draw: st.DrawFn) -> Material:
    """An agent with a session, passages and turns of any length."""
    turns = draw(st.lists(results, max_size=6))
    steps = [step for at, said in enumerate(turns) for step in turn(1 + 10 * at, *said)]
    context = {
        "shares": draw(shares()),
        "pinned": draw(st.lists(words.map(lambda w: f"pinned {w}"), max_size=3)),
        "older_turns": draw(st.sampled_from(["summarise", "drop"])),
        "keep_tool_results": draw(st.integers(0, 4)),
    }
    sections = st.sampled_from([Section.MEMORY, Section.KNOWLEDGE])
    passages = draw(st.lists(st.builds(passage, sections, words), max_size=5))
    return material(
        asked=user(draw(words)),
        history=session(draw(st.integers(0, 25)), words=draw(st.integers(0, 60))),
        steps=steps,
        passages=passages,
        document={"context": context},
    )


room = st.integers(300, 9_000)
SCALE = in_tokens(estimate_tokens, 1.0)


def packed(given: Material, tokens: int) -> Packed | None:
    """A call under a budget, or None if not even the input and the last turn fit."""
    try:
        return pack(given, budget(tokens))
    except ContextTooLarge:
        return None


def weight(shown: Packed) -> int:
    """What is sent, counted anew."""
    parts = [ContextPart.model_validate_json(part.text) for part in shown.parts]
    return REPLY + sum(SCALE.weigh(part) for part in parts)


@settings(max_examples=300, deadline=None)
@given(materials(), room)
def test_no_budget_is_ever_passed(given: Material, tokens: int) -> None:
    """And the manifest says how much was used."""
    shown = packed(given, tokens)
    if shown is None:
        return

    assert weight(shown) <= tokens
    if shown.manifest.counted == "tokens":
        assert weight(shown) == shown.manifest.tokens


@settings(max_examples=100, deadline=None)
@given(materials(), room)
def test_the_same_is_packed_the_same(given: Material, tokens: int) -> None:
    """Byte for byte, twice."""
    first, second = packed(given, tokens), packed(given, tokens)

    assert (first and first.manifest) == (second and second.manifest)
    assert (first and first.request) == (second and second.request)


@settings(max_examples=200, deadline=None)
@given(materials(), room)
def test_calls_and_results_stay_together(given: Material, tokens: int) -> None:
    """Every result follows its call, and every call has its result."""
    shown = packed(given, tokens)
    if shown is None:
        return
    open_calls: list[str | None] = []
    for message in shown.request.messages:
        if message.role is Role.TOOL:
            open_calls.remove(message.tool_call_id)
        else:
            assert [] == open_calls
            open_calls = [call.id for call in message.tool_calls]

    assert [] == open_calls


@settings(max_examples=200, deadline=None)
@given(materials(), room)
def test_texts_that_may_be_cited_are_whole(given: Material, tokens: int) -> None:
    """Passages and pinned texts are shown as they are, or not at all."""
    shown = packed(given, tokens)
    whole = {m.content for part in given.passages for m in part.messages}
    kept = (
        [part for part in shown.parts if part.section in (Section.MEMORY, Section.KNOWLEDGE)]
        if shown
        else []
    )

    assert {m.content for part in kept for m in part.messages} <= whole


@settings(max_examples=300, deadline=None)
@given(materials(), room)
def test_every_section_has_its_minimum(given: Material, tokens: int) -> None:
    """What a section could not show would not have fitted into its minimum either."""
    shown = packed(given, tokens)
    if shown is None or shown.manifest.counted == "bytes":
        return
    whole = blocks(given, recent(given.history, 200))
    left = room_left(whole, SCALE, tokens)
    for section in (Section.PINNED, Section.MEMORY, Section.KNOWLEDGE):
        least = floor(share_of(given.document, section).minimum * left)
        used = shown.manifest.sections.get(section, 0)
        gone = [x.tokens for x in shown.manifest.left_out if x.section is section]

        assert all(used + tokens_of_it > least for tokens_of_it in gone)


@settings(max_examples=200, deadline=None)
@given(materials(), room)
def test_nothing_goes_without_a_word(given: Material, tokens: int) -> None:
    """Each exchange of the session is shown or named among what was left out."""
    shown = packed(given, tokens)
    if shown is None:
        return
    numbers = {m.seq for part in shown.parts for m in part.messages if m.seq is not None}
    for left in shown.manifest.left_out:
        if left.section is Section.HISTORY:
            first, last = left.source.split(" ")[1].split("-")
            numbers |= set(range(int(first), int(last) + 1))

    assert {m.seq for m in given.history} <= numbers


@settings(max_examples=100, deadline=None)
@given(materials(), room)
def test_the_parts_are_what_is_sent(given: Material, tokens: int) -> None:
    """From the parts that are kept, the very request can be put together again."""
    shown = packed(given, tokens)
    if shown is None:
        return
    parts = tuple(ContextPart.model_validate_json(part.text) for part in shown.parts)
    messages: tuple[tuple[Message, ...], object] = assemble(parts)

    assert (shown.request.messages, shown.request.tools) == messages
