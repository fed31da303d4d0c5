"""Prices: which entry fits, and what a call costs."""

from __future__ import annotations

import pytest

from orchstack.kernel.chat import ChatRequest, Message, Role, ToolCall, ToolSpec, Usage
from orchstack.llm_router.model import Price, Rate, Target
from orchstack.llm_router.prices import find, most_input_tokens

PRICES = {"openai/gpt-5": Price(input=1, output=2), "openai/gpt-5-mini": Price(input=3, output=4)}


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("gpt-5", 1),
        ("gpt-5-2025-08-07", 1),
        ("gpt-5-mini", 3),
        ("gpt-5-mini-20250807", 3),
        ("gpt-5-latest", 1),
        ("gpt-5-pro", None),
        ("gpt-5.5", None),
        ("gpt-50", None),
    ],
)
def test_a_snapshot_costs_what_its_family_costs(model: str, expected: int | None) -> None:
    """A dated name finds its family; any other suffix may be a dearer model and finds nothing."""
    found = find(PRICES, Target(provider="openai", model=model))

    assert expected == (found.input if found else None)


def test_a_cost_is_rounded_up() -> None:
    """Parts of a micro-dollar count as a whole one."""
    price = Price(input=250_000, output=2_000_000)

    assert 1 == price.cost(Usage(input_tokens=1))
    assert 0 == price.cost(Usage())
    assert 2_250_000 == price.cost(Usage(input_tokens=1_000_000, output_tokens=1_000_000))


def test_long_input_costs_more() -> None:
    """Above the threshold the dearer rate holds for the whole call."""
    price = Price(input=1_000_000, output=0, long_from=10, long=Rate(input=3_000_000, output=0))

    assert 10 == price.cost(Usage(input_tokens=10))
    assert 33 == price.cost(Usage(input_tokens=11))


def test_the_bound_covers_all_that_is_sent() -> None:
    """Every byte of text, calls and tools counts, whatever the language."""
    call = ToolCall(id="1", name="calculator", arguments={"expression": "1+1"})
    messages = (
        Message(role=Role.USER, content="中文"),
        Message(role=Role.ASSISTANT, tool_calls=(call,)),
    )
    tool = ToolSpec(name="t", description="d", parameters={"type": "object"})
    bare = ChatRequest(model="m", messages=messages, max_output_tokens=1)

    assert 6 + len("calculator") + len('{"expression": "1+1"}') < most_input_tokens(bare)
    assert most_input_tokens(bare) + 1_000 < most_input_tokens(
        bare.model_copy(update={"tools": (tool,)})
    )
