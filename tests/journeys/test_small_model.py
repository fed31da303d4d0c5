"""A real small model's tokens through the whole stack, with a tool chosen by schema."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from orchstack.local.llm.server import SmallModelServer
from tests.bench.first_byte import set_providers
from tests.cloud import Caller, RunningCloud
from tests.make import agent_document


@pytest.fixture(scope="module")
def provider(cloud: RunningCloud) -> Iterator[str]:
    """The small model, served on loopback and known to the cloud as `smollm2`."""
    pytest.importorskip("xllamacpp", reason="the extra local-llm is not installed")
    server = SmallModelServer()
    configured = {"base_url": server.start(), "api_key": "none", "tools": "schema"}
    set_providers(cloud, {"smollm2": configured})
    yield "smollm2/smollm2-135m-instruct"
    server.stop()


@pytest.mark.slow
def test_real_tokens_stream_through(provider: str, tenant: Caller) -> None:
    """The model calls a tool that a schema offered, then streams its answer token by token."""
    document = agent_document(
        name="clerk",
        model=provider,
        tools=("calculator", "current_time"),
        instructions="You answer with the help of a tool. Use the calculator for arithmetic.",
    )
    tenant.put("/v1/agents/clerk", document.model_dump(mode="json"))
    events = list(tenant.stream("clerk", "Use the calculator: what is 17 * 23?"))
    names = [event.name for event in events]

    assert "run.completed" == names[-1]
    assert "tool.completed" in names
    assert names.count("text.delta") >= 3
    assert events[-1].data["usage"]["output_tokens"] > 3
