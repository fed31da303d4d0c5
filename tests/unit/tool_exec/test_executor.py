"""The tool executor: what is offered, what is called, and how faults are told."""

from __future__ import annotations

import pytest

from orchstack.kernel.chat import UNREADABLE_ARGUMENTS, ToolCall
from orchstack.kernel.clock import ManualClock
from orchstack.kernel.errors import InvalidDocument
from orchstack.kernel.ids import new_id
from orchstack.tool_exec.adapters.in_memory import LookupArguments, LookupTool
from orchstack.tool_exec.model import CallContext, ToolResult
from orchstack.tool_exec.service import MAX_RESULT_CHARS, ToolExecutor

CLOCK = ManualClock()
NOW = CLOCK.now().timestamp()
TENANT = new_id()


def call(tool: LookupTool, arguments: dict[str, object], deadline: float = NOW + 60) -> ToolResult:
    """The result of calling the tool."""
    return ToolExecutor.of([tool], CLOCK).call(
        TENANT,
        ToolCall(id="call_1", name="lookup", arguments=arguments),
        idempotency_key="key-1",
        deadline=deadline,
    )


def test_a_tool_is_called() -> None:
    """The result is what the tool gives; the tool learns whose call it is and its key."""
    tool = LookupTool({"a": "1"})

    assert ToolResult("1") == call(tool, {"key": "a"})
    assert (TENANT, "key-1") == (tool.contexts[0].tenant_id, tool.contexts[0].idempotency_key)


@pytest.mark.parametrize(("given", "until"), [(0.5, 0.5), (60, 1.0)])
def test_the_earlier_end_counts(given: float, until: float) -> None:
    """A tool has its own time-out, and never more than the request has left."""
    tool = LookupTool({"a": "1"}, timeout_s=1.0)
    call(tool, {"key": "a"}, deadline=NOW + given)

    assert NOW + until == tool.contexts[0].deadline


class BrokenTool(LookupTool):
    """A tool with a fault in its own code."""

    def run(self, arguments: LookupArguments, context: CallContext) -> str:
        """Break."""
        raise ValueError(f"{arguments.key} in {context.tenant_id}")


def test_a_tool_that_breaks_does_not_break_the_run() -> None:
    """The model is told that it failed, and nothing of why."""
    expected = ToolResult("The tool lookup failed; go on without it.", is_error=True)

    assert expected == call(BrokenTool(), {"key": "a"})


def test_a_fault_is_told_to_the_model() -> None:
    """What a tool cannot do is a result, not an exception."""
    assert ToolResult("Nothing stands under 'b'.", is_error=True) == call(
        LookupTool(), {"key": "b"}
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "key: Field required"),
        ({"key": 7}, "key: Input should be a valid string"),
        ({"key": "a", "more": 1}, "more: Extra inputs"),
        ({UNREADABLE_ARGUMENTS: "{oops"}, "not a JSON object"),
    ],
)
def test_arguments_that_do_not_fit_are_told(arguments: dict[str, object], words: str) -> None:
    """The model learns what is wrong with its arguments, and the tool is not called."""
    tool = LookupTool({"a": "1"})
    result = call(tool, arguments)

    assert result.is_error
    assert words in result.content
    assert [] == tool.contexts


def test_an_unknown_tool_is_told() -> None:
    """A tool the model made up is a result, too."""
    result = ToolExecutor.of([], CLOCK).call(
        TENANT, ToolCall(id="1", name="fly"), idempotency_key="k", deadline=NOW
    )

    assert ToolResult("There is no tool 'fly'; go on without it.", is_error=True) == result


def test_a_long_result_is_cut_and_says_so() -> None:
    """What is left out is never left out silently."""
    result = call(LookupTool({"a": "x" * 30_000}), {"key": "a"})

    assert result.content.startswith("x" * MAX_RESULT_CHARS + "\n[cut: ")
    assert result.content.endswith(f"the first {MAX_RESULT_CHARS} of 30000 characters]")


def test_tools_are_described_in_order() -> None:
    """A specification holds the name, words and JSON Schema of the arguments; names once."""
    executor = ToolExecutor.of([LookupTool(), LookupTool(name="other")], CLOCK)
    specs = executor.specs(["other", "lookup", "other"])

    assert ["other", "lookup"] == [spec.name for spec in specs]
    assert ["key"] == specs[0].parameters["required"]
    assert {"lookup", "other"} == executor.known()


def test_an_unknown_name_does_not_fit_the_document() -> None:
    """An agent that lists a tool we lack is refused, with the names that there are."""
    with pytest.raises(InvalidDocument, match=r"no tool 'fly'.*: lookup") as refused:
        ToolExecutor.of([LookupTool()], CLOCK).specs(["lookup", "fly"])

    assert [{"path": "/tools", "message": "no tool 'fly'"}] == refused.value.faults
