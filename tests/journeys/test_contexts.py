"""A long session under a small budget, and what the model was shown of it, over the local cloud."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from orchstack.cli.app import app
from orchstack.cli.setup import Setup
from orchstack.sdk import Context, Gone, OrchStack
from tests.cloud import Caller
from tests.make import agent_document

TURNS = 8
STORY = "The heron nests by the blue lake and returns to it each spring. " * 12


@pytest.fixture
def clerk(tenant: Caller) -> Caller:
    """A tenant with an agent that may be shown 900 tokens."""
    document = agent_document(
        name="clerk",
        model="builtin/echo",
        tools=("calculator",),
        context={"max_input_tokens": 900, "pinned": ["Prices are in euros."]},
    )
    tenant.put("/v1/agents/clerk", document.model_dump(mode="json"))
    return tenant


@pytest.fixture
def client(clerk: Caller) -> Iterator[OrchStack]:
    """The tenant's client."""
    with OrchStack(clerk.url, clerk.key) as client:
        yield client


@pytest.fixture
def last_run(clerk: Caller) -> str:
    """The last run of a long session; a tool was called in it."""
    session = str(uuid4())
    for turn in range(TURNS):
        clerk.run("clerk", f"Chapter {turn}. {STORY}", session_id=session)
    return str(clerk.run("clerk", "What is 17 * 23?", session_id=session).body["id"])


def shown(client: OrchStack, run_id: str) -> list[Context]:
    """What the model was shown in each call of a run."""
    steps = [step.seq for step in client.runs.steps(run_id) if step.kind == "model"]
    return [client.runs.context(run_id, seq) for seq in steps]


def test_a_long_session_goes_on_under_a_small_budget(client: OrchStack, last_run: str) -> None:
    """The oldest chapters give way to their first sentences; the rest begins as it did before."""
    first, second = shown(client, last_run)
    (gone,) = first.left_out

    assert "391" in client.runs.get(last_run).output
    assert first.tokens <= first.budget == 900
    assert (("history", "summarised"), True) == (
        (gone.section, gone.reason),
        gone.source.startswith("messages 1-"),
    )
    assert "Prices are in euros." in str(first.raw)
    assert "Earlier in this session" in str(first.raw)
    assert first.tokens - 3 == second.prefix_tokens
    assert (gone,) == second.left_out


def test_the_picture_of_a_context_can_be_read(
    client: OrchStack, clerk: Caller, last_run: str
) -> None:
    """By the command line: a bar for each section, and what was left out."""
    step = str(shown(client, last_run)[0].step)
    setup = Setup(url=clerk.url, key=clerk.key)
    printed = CliRunner().invoke(app, ["runs", "context", last_run, step], obj=setup).output

    assert "history" in printed
    assert "█" in printed
    assert "its first sentences stand for it" in printed


def test_what_cannot_fit_is_refused_and_what_is_erased_is_gone(
    client: OrchStack, clerk: Caller, last_run: str
) -> None:
    """No run is kept of the one; nothing of what it was shown is left of the other."""
    refused = clerk.run("clerk", STORY * 10)
    step = shown(client, last_run)[0].step
    client.runs.erase(last_run)

    assert (413, "context_too_large") == (refused.status, refused.code)
    assert TURNS + 1 == len(list(client.runs.list(agent="clerk")))
    with pytest.raises(Gone):
        client.runs.context(last_run, step)
