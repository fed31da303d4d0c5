"""The operations on the records of runs: their steps and events, replays, forks, diffs, erasure."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from contextlib import closing
from typing import Annotated
from uuid import UUID

from pydantic import Field

from orchstack.agent_runtime.model.contexts import ContextView
from orchstack.agent_runtime.model.diffs import RunDiff
from orchstack.agent_runtime.model.events import EventId, LiveEvent, LiveEventName
from orchstack.agent_runtime.model.forks import Fork, ToolAnswer
from orchstack.agent_runtime.model.replays import ReplayReport
from orchstack.agent_runtime.model.runs import (
    MAX_INPUT,
    Metadata,
    Mode,
    RunView,
    StepView,
)
from orchstack.kernel.agents import MAX_INSTRUCTIONS, MODEL_NAME, NO_NUL
from orchstack.kernel.errors import InvalidDocument, InvalidRequest, fault_at
from orchstack.kernel.frozen import Frozen
from orchstack.kernel.http import Idempotency, NoBody, NoQuery, Operation, Request
from orchstack.kernel.ids import UUID_TEXT
from orchstack.kernel.pagination import Page, PageQuery
from orchstack.kernel.tenancy import Scope

_RUN = {"run_id": UUID_TEXT}
_STEP = {**_RUN, "seq": r"^[1-9][0-9]{0,8}$"}
_EVENT_ID = r"^[0-9]{1,9}\.[0-9]{1,9}\.[0-9]{1,9}$"
_NAME = "|".join(name.value.replace(".", r"\.") for name in LiveEventName)
# Every character of the longest texts may come as a six-byte escape.
MAX_BODY_BYTES = 3 * MAX_INPUT * 6 + 64 * 1024
# A streaming answer may take as long as a function may run, less what the last commits need.
MAX_SECONDS = 880
# Not longer, so that a stream whose reader went away unnoticed ends soon; readers come again.
FOLLOW_SECONDS = 300

Text = Annotated[str, Field(max_length=MAX_INPUT, pattern=NO_NUL)]


class EventsQuery(Frozen):
    """From where on, and which events."""

    after: Annotated[
        str | None,
        Field(pattern=_EVENT_ID, description="Behind this event; `Last-Event-ID` says it too."),
    ] = None
    types: Annotated[
        str | None,
        Field(
            pattern=rf"^({_NAME})(,({_NAME}))*$",
            description="Only events of these names, with commas between them.",
        ),
    ] = None


class DiffQuery(Frozen):
    """Which run to compare with."""

    other: Annotated[str, Field(pattern=UUID_TEXT, description="The id of the other run.")]


class GivenResult(Frozen):
    """What a tool is taken to have answered."""

    content: Text
    is_error: bool = False


class ForkRun(Frozen):
    """Where a run is taken up, and what is different from there on."""

    from_step: Annotated[
        int,
        Field(
            ge=1,
            le=999_999_999,
            description="The steps below it are taken over; from it on, all is done anew.",
        ),
    ]
    input: Annotated[
        Text | None, Field(min_length=1, description="Instead of the user's words.")
    ] = None
    instructions: Annotated[
        str | None,
        Field(min_length=1, max_length=MAX_INSTRUCTIONS, pattern=NO_NUL),
        Field(description="Instead of the agent's instructions."),
    ] = None
    model: Annotated[
        str | None, Field(pattern=MODEL_NAME, description="Instead of the agent's model.")
    ] = None
    tool_result: Annotated[
        GivenResult | None,
        Field(description="Instead of what the tool of `from_step` answered; it is not called."),
    ] = None
    mode: Annotated[
        Mode, Field(description="`stream` answers with Server-Sent Events, as does their Accept.")
    ] = Mode.WAIT
    metadata: Annotated[Metadata, Field(description="Kept with the run and shown with it.")] = {}


LIST_STEPS = Operation(
    id="list_steps",
    method="GET",
    path="/v1/runs/{run_id}/steps",
    summary="List the steps of a run, in order",
    function="agent_runtime/list_steps",
    scope=Scope.RUNS_READ,
    response=Page[StepView],
    body=NoBody,
    query=PageQuery,
    path_pattern=_RUN,
)

GET_STEP = Operation(
    id="get_step",
    method="GET",
    path="/v1/runs/{run_id}/steps/{seq}",
    summary="Show one step of a run",
    function="agent_runtime/get_step",
    scope=Scope.RUNS_READ,
    response=StepView,
    body=NoBody,
    query=NoQuery,
    path_pattern=_STEP,
)

GET_CONTEXT = Operation(
    id="get_context",
    method="GET",
    path="/v1/runs/{run_id}/steps/{seq}/context",
    summary="Show what a model was shown in a step, and what was left out",
    function="agent_runtime/get_context",
    scope=Scope.RUNS_READ,
    response=ContextView,
    body=NoBody,
    query=NoQuery,
    erasable=True,
    path_pattern=_STEP,
)

STREAM_RUN_EVENTS = Operation(
    id="stream_run_events",
    method="GET",
    path="/v1/runs/{run_id}/events",
    summary="Follow a run: its events from the beginning, or from behind Last-Event-ID, to its end",
    function="agent_runtime/stream_run_events",
    scope=Scope.RUNS_READ,
    response=RunView,
    body=NoBody,
    query=EventsQuery,
    streaming=True,
    erasable=True,
    path_pattern=_RUN,
    timeout_s=FOLLOW_SECONDS,
)

REPLAY_RUN = Operation(
    id="replay_run",
    method="POST",
    path="/v1/runs/{run_id}/replay",
    summary="Decide a run anew from its journal, and compare; nothing is called or kept",
    function="agent_runtime/replay_run",
    scope=Scope.RUNS_READ,
    response=ReplayReport,
    body=NoBody,
    query=NoQuery,
    erasable=True,
    path_pattern=_RUN,
)

FORK_RUN = Operation(
    id="fork_run",
    method="POST",
    path="/v1/runs/{run_id}/fork",
    summary="Begin a new run from a step of this one, with something changed",
    function="agent_runtime/fork_run",
    scope=Scope.RUNS_WRITE,
    response=RunView,
    other_statuses=(202,),
    body=ForkRun,
    query=NoQuery,
    invalid_body=InvalidDocument,
    streaming=True,
    erasable=True,
    idempotency=Idempotency.SERVICE,
    path_pattern=_RUN,
    max_body_bytes=MAX_BODY_BYTES,
    timeout_s=MAX_SECONDS,
)

DIFF_RUNS = Operation(
    id="diff_runs",
    method="GET",
    path="/v1/runs/{run_id}/diff",
    summary="Compare a run with another one, step by step",
    function="agent_runtime/diff_runs",
    scope=Scope.RUNS_READ,
    response=RunDiff,
    body=NoBody,
    query=DiffQuery,
    erasable=True,
    path_pattern=_RUN,
)

ERASE_RUN = Operation(
    id="erase_run",
    method="DELETE",
    path="/v1/runs/{run_id}",
    summary="Erase the texts of a run that is over; totals, times and hashes stay",
    function="agent_runtime/erase_run",
    scope=Scope.RUNS_WRITE,
    response=RunView,
    body=NoBody,
    query=NoQuery,
    idempotency=Idempotency.TRANSACTION,
    path_pattern=_RUN,
)

OPERATIONS = (
    LIST_STEPS,
    GET_STEP,
    GET_CONTEXT,
    STREAM_RUN_EVENTS,
    REPLAY_RUN,
    FORK_RUN,
    DIFF_RUNS,
    ERASE_RUN,
)


def place(request: Request[NoBody, EventsQuery]) -> EventId | None:
    """Read behind which event a reader wants to go on; the header counts before the query.

    Raises InvalidRequest.
    """
    given = request.last_event_id or request.query.after
    if given is None:
        return None
    try:
        return EventId.parse(given)
    except ValueError:
        faults = [fault_at("header.Last-Event-ID", "is no id of an event, such as 3.1.7")]
        raise InvalidRequest("The Last-Event-ID is not valid.", faults=faults) from None


def names(query: EventsQuery) -> frozenset[LiveEventName]:
    """Read which events are wanted; none means all."""
    return frozenset(map(LiveEventName, query.types.split(","))) if query.types else frozenset()


def framed(
    events: Generator[LiveEvent | None, None, None],
) -> Iterator[tuple[str, str, str] | None]:
    """Write events as Server-Sent Events."""
    with closing(events):
        for event in events:
            if event is None:
                yield None
            else:
                data = json.dumps(event.data, separators=(",", ":"))
                yield str(event.id), event.name.value, data


def forked(request: Request[ForkRun, NoQuery]) -> Fork:
    """Read what is to be forked, and how."""
    body = request.body
    result = body.tool_result
    return Fork(
        run_id=UUID(request.path["run_id"]),
        from_step=body.from_step,
        text=body.input,
        instructions=body.instructions,
        model=body.model,
        tool_answer=None if result is None else ToolAnswer(result.content, result.is_error),
        mode=Mode.STREAM if request.accepts_stream else body.mode,
        metadata=body.metadata,
        trace_id=request.trace_id,
    )
