"""Runs: ask an agent, watch it work, look at what it did."""

from __future__ import annotations

import uuid
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict, Unpack

from orchstack.sdk.following import Follower
from orchstack.sdk.models import Run, RunDetail, RunEvent
from orchstack.sdk.records import RUN_TIMEOUT_S, SILENCE_TIMEOUT_S, RunRecords
from orchstack.sdk.session import Call, segment


class Asking(TypedDict, total=False):
    """What may be said beside the words; `attachments` are images, PDF and text files."""

    session_id: str | None
    version: int | None
    metadata: Mapping[str, str]
    attachments: Sequence[Path]
    idempotency_key: str


class Runs(RunRecords):
    """`client.runs`."""

    def start(
        self,
        agent: str,
        input: str,  # noqa: A002  # the API's own word
        **ask: Unpack[Asking],
    ) -> Run:
        """Ask an agent and wait for the whole answer. A run that failed is an answer too."""
        call = _call(agent, input, "wait", ask)
        return Run.of(self._session.call(call)[1])

    def background(
        self,
        agent: str,
        input: str,  # noqa: A002  # the API's own word
        **ask: Unpack[Asking],
    ) -> Run:
        """Ask an agent and give the accepted run at once; `events` follows it by its id."""
        call = _call(agent, input, "background", ask)
        return Run.of(self._session.call(call)[1])

    def stream(
        self,
        agent: str,
        input: str,  # noqa: A002  # the API's own word
        **ask: Unpack[Asking],
    ) -> Iterator[RunEvent]:
        """Ask an agent and give the run's events as they happen, up to its last one.

        Where the stream breaks, or ends before the run does, the run is followed by its id behind
        the last event seen, without gap or repeat. Raises ApiError, ConnectionFailed, StreamBroken.
        """
        call = _call(agent, input, "stream", ask)
        return iter(Follower(self._session, call))

    def get(self, run_id: str) -> RunDetail:
        """Show a run with its journal and spans."""
        _, body = self._session.call(Call(method="GET", path=f"/v1/runs/{segment(run_id)}"))
        return RunDetail.of(body)

    def cancel(self, run_id: str) -> Run:
        """End a run with what its model has said so far. Raises ApiError if it is over already."""
        call = Call(method="POST", path=f"/v1/runs/{segment(run_id)}/cancel")
        return Run.of(self._session.call(call)[1])

    def resume(self, run_id: str, answer: str | None = None, *, wait: bool = False) -> Run:
        """Answer what a run asks a human, or carry on one that nobody drives.

        Gives the run as it goes on, or with `wait` as it stands in the end. Raises ApiError: 400
        without the answer that is waited for, 409 where there is nothing to go on with.
        """
        said = {} if answer is None else {"answer": answer}
        call = Call(
            method="POST",
            path=f"/v1/runs/{segment(run_id)}/resume",
            body={"mode": "wait" if wait else "background", **said},
            timeout_s=RUN_TIMEOUT_S,
        )
        return Run.of(self._session.call(call)[1])

    def list(
        self, *, agent: str | None = None, status: str | None = None, limit: int | None = None
    ) -> Iterator[Run]:
        """Give runs, newest first, page after page, at most `limit`."""
        query = {"agent": agent, "status": status}
        return map(Run.of, self._session.pages("/v1/runs", query, limit))


def _call(agent: str, words: str, mode: str, ask: Asking) -> Call:
    """Write what is asked as a call in the given mode."""
    named = {name: ask.get(name) for name in ("session_id", "version")}
    body: dict[str, Any] = {
        "input": words,
        "mode": mode,
        **{name: value for name, value in named.items() if value is not None},
    }
    if metadata := ask.get("metadata"):
        body["metadata"] = dict(metadata)
    if files := ask.get("attachments"):
        body["attachments"] = [
            {"name": file.name, "data": b64encode(file.read_bytes()).decode()} for file in files
        ]
    streaming = mode == "stream"
    return Call(
        method="POST",
        path=f"/v1/agents/{segment(agent)}/runs",
        body=body,
        accept="text/event-stream" if streaming else "application/json",
        timeout_s=SILENCE_TIMEOUT_S if streaming else RUN_TIMEOUT_S,
        idempotency_key=ask.get("idempotency_key") or str(uuid.uuid4()),
    )
