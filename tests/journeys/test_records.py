"""The record of a run: followed, replayed, forked, compared and erased over a local cloud."""

from __future__ import annotations

from uuid import uuid4

import pytest

from orchstack.sdk import Fork, Gone, InvalidDocument, InvalidRequest, OrchStack
from tests.bench import events
from tests.cloud import Caller, RunningCloud
from tests.make import agent_document

QUESTION = "What is 17 * 23?"


@pytest.fixture
def client(tenant: Caller) -> OrchStack:
    """A client of a tenant with an agent that has the calculator."""
    document = agent_document(name="clerk", tools=("calculator",))
    assert 201 == tenant.put("/v1/agents/clerk", document.model_dump(mode="json")).status
    return OrchStack(tenant.url, tenant.key)


def test_a_run_is_told_again_as_it_happened(client: OrchStack) -> None:
    """From its beginning or from behind any of its events, by whoever asks."""
    live = list(client.runs.stream("clerk", QUESTION))
    run_id = live[0].data["run_id"]

    assert live == list(client.runs.events(run_id))
    for seen in range(0, len(live), 3):
        assert live[seen + 1 :] == list(client.runs.events(run_id, after=live[seen].id))
    with pytest.raises(InvalidRequest):
        list(client.runs.events(run_id, after="yesterday"))


def test_a_run_goes_another_way_from_a_step_on(client: OrchStack) -> None:
    """A fork with another result of its tool answers otherwise, and the diff says where."""
    run = client.runs.start("clerk", QUESTION)
    steps = list(client.runs.steps(run.id))
    tool = next(step for step in steps if step.kind == "tool")
    fork = client.runs.fork(run.id, Fork(from_step=tool.seq, tool_result="392"))
    diff = client.runs.diff(run.id, fork.id)

    assert ("completed", "completed") == (run.status, fork.status)
    assert "391" in run.output
    assert "392" in fork.output
    assert diff.first_divergence is not None
    assert tool.seq == diff.first_divergence["a"]
    assert client.runs.replay(run.id).identical
    assert client.runs.replay(fork.id).identical
    with pytest.raises(InvalidDocument, match="1 to 7"):
        client.runs.fork(run.id, Fork(from_step=99))


def test_an_erased_run_keeps_its_figures_only(client: OrchStack, tenant: Caller) -> None:
    """Its texts are gone, for good and for all; what was forked from it stays."""
    run = client.runs.start("clerk", QUESTION)
    fork = client.runs.fork(run.id, Fork(from_step=5))
    client.runs.erase(run.id)
    client.runs.erase(run.id)
    left = client.runs.get(run.id)

    assert ("", "", run.usage) == (left.input, left.output, left.usage)
    assert "391" not in str(left.raw)
    assert run.output == client.runs.get(fork.id).output
    for gone in (client.runs.replay, lambda run_id: list(client.runs.events(run_id))):
        with pytest.raises(Gone):
            gone(run.id)
    assert 404 == tenant.delete(f"/v1/runs/{uuid4()}").status


@pytest.mark.slow
def test_connections_that_break_lose_and_repeat_nothing(cloud: RunningCloud) -> None:
    """Cut at random, during runs and after, readers put together the very tale."""
    tally = events.measure(cloud, 60)

    assert tally.faultless, tally
    assert tally.cuts_during > 0 < tally.cuts_after
