"""The operations of the agent runtime in the public API."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from contextlib import closing
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from orchstack.agent_runtime.model.attachments import (
    MAX_ATTACHMENTS,
    MAX_ENCODED,
    AttachmentIn,
)
from orchstack.agent_runtime.model.events import Answering, LiveEvent
from orchstack.agent_runtime.model.runs import (
    MAX_INPUT,
    Ask,
    Metadata,
    Mode,
    RequestKey,
    Run,
    RunDetail,
    RunView,
)
from orchstack.agent_runtime.model.steps import RunStatus
from orchstack.kernel.agents import AGENT_NAME, NO_NUL, AgentName, VersionNumber
from orchstack.kernel.frozen import Frozen
from orchstack.kernel.http import (
    Answer,
    EventStream,
    Idempotency,
    NoBody,
    NoQuery,
    Operation,
    Request,
)
from orchstack.kernel.idempotency import REPLAYED
from orchstack.kernel.ids import UUID_TEXT
from orchstack.kernel.pagination import Page, PageQuery
from orchstack.kernel.tenancy import Scope

# Every character of the longest input may come as a six-byte escape; Lambda takes six megabytes.
MAX_BODY_BYTES = MAX_INPUT * 6 + 64 * 1024 + MAX_ENCODED
MAX_ANSWER = 32_000
# A streaming answer may take as long as a function may run, less what the last commits need.
MAX_SECONDS = 880


class StartRun(Frozen):
    """What is asked of an agent."""

    input: Annotated[
        str,
        Field(
            min_length=1,
            max_length=MAX_INPUT,
            pattern=NO_NUL,
            description="The user's words; the agent's guards may set a lower limit.",
        ),
    ]
    session_id: Annotated[
        UUID | None, Field(description="Goes on with this session, or begins it under this id.")
    ] = None
    mode: Annotated[
        Mode,
        Field(
            description="`stream` answers with Server-Sent Events, as does their Accept; "
            "`background` at once."
        ),
    ] = Mode.WAIT
    version: Annotated[
        VersionNumber | None, Field(description="A version of the agent; else the live one.")
    ] = None
    metadata: Annotated[Metadata, Field(description="Kept with the run and shown with it.")] = {}
    attachments: Annotated[
        tuple[AttachmentIn, ...],
        Field(
            max_length=MAX_ATTACHMENTS,
            description=f"Images and files; at most {MAX_ENCODED} characters of Base64 in all.",
        ),
    ] = ()


class ResumeRun(Frozen):
    """How a run goes on that asks a human, or that nobody drives."""

    answer: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=MAX_ANSWER,
            pattern=NO_NUL,
            description="What the human says; needed while the run waits for it.",
        ),
    ] = None
    mode: Annotated[Mode, Field(description="As for a new run.")] = Mode.BACKGROUND


class RunsQuery(PageQuery):
    """Which runs, newest first."""

    agent: AgentName | None = None
    status: RunStatus | None = None


START_RUN = Operation(
    id="start_run",
    method="POST",
    path="/v1/agents/{agent}/runs",
    summary="Ask an agent, and wait for its answer, stream it, or come back for it",
    function="agent_runtime/start_run",
    scope=Scope.RUNS_WRITE,
    response=RunView,
    other_statuses=(202,),
    body=StartRun,
    query=NoQuery,
    streaming=True,
    erasable=True,
    idempotency=Idempotency.SERVICE,
    path_pattern={"agent": AGENT_NAME},
    max_body_bytes=MAX_BODY_BYTES,
    timeout_s=MAX_SECONDS,
)

LIST_RUNS = Operation(
    id="list_runs",
    method="GET",
    path="/v1/runs",
    summary="List your tenant's runs, newest first",
    function="agent_runtime/list_runs",
    scope=Scope.RUNS_READ,
    response=Page[RunView],
    body=NoBody,
    query=RunsQuery,
)

GET_RUN = Operation(
    id="get_run",
    method="GET",
    path="/v1/runs/{run_id}",
    summary="Show a run with its journal",
    function="agent_runtime/get_run",
    scope=Scope.RUNS_READ,
    response=RunDetail,
    body=NoBody,
    query=NoQuery,
    path_pattern={"run_id": UUID_TEXT},
)

RESUME_RUN = Operation(
    id="resume_run",
    method="POST",
    path="/v1/runs/{run_id}/resume",
    summary="Answer what a run asks a human, or carry on one that nobody drives",
    function="agent_runtime/resume_run",
    scope=Scope.RUNS_WRITE,
    response=RunView,
    other_statuses=(202,),
    body=ResumeRun,
    query=NoQuery,
    streaming=True,
    path_pattern={"run_id": UUID_TEXT},
    max_body_bytes=MAX_ANSWER * 6 + 4 * 1024,
    refusals=(409,),
    timeout_s=MAX_SECONDS,
)

CANCEL_RUN = Operation(
    id="cancel_run",
    method="POST",
    path="/v1/runs/{run_id}/cancel",
    summary="End a run, with what its model has said so far",
    function="agent_runtime/cancel_run",
    scope=Scope.RUNS_WRITE,
    response=RunView,
    body=NoBody,
    query=NoQuery,
    path_pattern={"run_id": UUID_TEXT},
    refusals=(409,),
)

OPERATIONS = (START_RUN, LIST_RUNS, GET_RUN, RESUME_RUN, CANCEL_RUN)


def asked(request: Request[StartRun, NoQuery]) -> Ask:
    """Read what the request asks of the agent."""
    body = request.body
    return Ask(
        agent=request.path["agent"],
        text=body.input,
        mode=Mode.STREAM if request.accepts_stream else body.mode,
        session_id=body.session_id,
        version=body.version,
        metadata=body.metadata,
        attachments=body.attachments,
        trace_id=request.trace_id,
    )


def resume_mode(request: Request[ResumeRun, NoQuery]) -> Mode:
    """Read how the caller wants the rest of the run."""
    return Mode.STREAM if request.accepts_stream else request.body.mode


def request_key(request: Request[Any, Any]) -> RequestKey | None:
    """Read the Idempotency-Key and what it stands for."""
    if request.idempotency_key is None:
        return None
    return RequestKey(key=request.idempotency_key, request_hash=request.body_hash)


def reply(mode: Mode, answering: Answering) -> Answer | EventStream:
    """Answer with the run as it stands in the end, or with its events as they come.

    202 is a run that goes on without the caller: in the background, or because time ran out.
    """
    headers = {"OrchStack-Run-Id": str(answering.run_id)}
    if answering.replayed:
        headers[REPLAYED] = "true"
    if mode is Mode.STREAM:
        return EventStream(events=_frames(answering.events), headers=headers)
    run = answering.whole()
    if run.status in (RunStatus.QUEUED, RunStatus.RUNNING):
        return Answer(body=run, status=202, headers={**headers, "Location": f"/v1/runs/{run.id}"})
    return Answer(body=run, headers=headers)


def _frames(
    events: Generator[LiveEvent, None, Run],
) -> Iterator[tuple[str, str, str]]:
    with closing(events):
        for event in events:
            yield str(event.id), event.name.value, json.dumps(event.data, separators=(",", ":"))
