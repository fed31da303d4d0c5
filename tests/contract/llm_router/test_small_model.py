"""The small local model, for real: tokens that stream, and a tool chosen by schema."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from orchstack.kernel.chat import ChatRequest, Message, Role, TextDelta
from orchstack.kernel.clock import SystemClock
from orchstack.llm_router.adapters.openai_wire.schema_tools import SchemaTools
from orchstack.llm_router.adapters.openai_wire.wire import OpenAiWire
from orchstack.llm_router.model import ProviderEvent, ProviderSettings, Reply
from orchstack.local.llm.server import SmallModelServer
from orchstack.tool_exec.adapters.calculator import Calculator
from orchstack.tool_exec.service import ToolExecutor

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("small-model")]
TOOLS = ToolExecutor.of([Calculator()], SystemClock()).specs(["calculator"])


@pytest.fixture(scope="module")
def small() -> Iterator[SchemaTools]:
    """The small model behind its server."""
    pytest.importorskip("xllamacpp", reason="the extra local-llm is not installed")
    with SmallModelServer() as server:
        settings = ProviderSettings(base_url=server.base_url, tools="schema")
        yield SchemaTools(OpenAiWire("smollm2", settings, SystemClock()))


def ask(small: SchemaTools, *messages: Message) -> list[ProviderEvent]:
    """What the model streams, with the calculator offered."""
    request = ChatRequest(
        model=SmallModelServer.model, messages=messages, tools=TOOLS, max_output_tokens=40
    )
    return list(small.stream(request, deadline=time.time() + 100))


def test_real_tokens_and_a_tool_by_schema(small: SchemaTools) -> None:
    """The model calls the calculator, and streams its answer once it has the result."""
    question = Message(role=Role.USER, content="Use the calculator: what is 17 * 23?")
    (called,) = ask(small, question)
    assert isinstance(called, Reply)
    (call,) = called.message.tool_calls
    result = Message(role=Role.TOOL, tool_call_id=call.id, content="391")
    *texts, reply = ask(small, question, called.message, result)

    assert "calculator" == call.name
    assert len([text for text in texts if isinstance(text, TextDelta)]) > 3
    assert isinstance(reply, Reply)
    assert reply.usage.output_tokens > 3
