"""The events of a run, live and told again."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchstack.agent_runtime.loop import transcript
from orchstack.agent_runtime.model.events import LiveEvent
from orchstack.kernel.chat import Completion
from orchstack.kernel.errors import NoProviderAvailable, OrchStackError
from tests.contract.agent_runtime.worlds import Stage, in_memory, key, says, wishes

texts = st.text(alphabet="abforiden \n", max_size=40)
answers = st.one_of(
    st.builds(says, texts),
    st.builds(
        lambda text, count: wishes(*[("calculator", {})] * count, text=text),
        texts,
        st.integers(1, 3),
    ),
    st.just(NoProviderAvailable()),
)


def replayed(stage: Stage, events: list[LiveEvent]) -> list[LiveEvent]:
    """The events as the journal tells them."""
    run_id = UUID(events[0].data["run_id"])
    journal = stage.world.journal
    run, steps = journal.run(stage.tenant_id, run_id), journal.steps(stage.tenant_id, run_id)
    return list(transcript.journal(run, steps))


@given(script=st.lists(answers, min_size=8, max_size=8), policy=st.sampled_from(["off", "redact"]))
def test_the_journal_tells_the_same_events(
    script: list[Completion | OrchStackError], policy: str
) -> None:
    """Whatever happened, the events told again equal those that were streamed, ids included."""
    stage = in_memory(script, guards={"pii_output": policy})
    events = stage.stream(key=key())

    assert events == replayed(stage, events)
    assert events == stage.stream(key=key())


@pytest.mark.parametrize("word", ["forbidden", "a forbidden word", "forbi"])
def test_what_a_guard_redacts_never_goes_out(word: str) -> None:
    """Neither in a piece, nor over the seam of two, nor in the record."""
    stage = in_memory([says(word)])
    told = str(stage.stream())

    assert "forbidden" not in told
    assert word.replace("forbidden", "[WORD]") in told
