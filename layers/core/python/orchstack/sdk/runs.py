"""Runs: ask an agent, watch it work, look at what it did."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from orchstack.kernel import sse
from orchstack.kernel.plain import JsonObject
from orchstack.sdk.errors import ConnectionFailed, OrchStackError, StreamBroken
from orchstack.sdk.models import Run, RunDetail, RunEvent
from orchstack.sdk.session import Call, Session, segment

# A run may take 14 minutes; API Gateway cuts a stream that is silent for 5.
RUN_TIMEOUT_S = 900.0
SILENCE_TIMEOUT_S = 310.0
LAST_EVENTS = frozenset({"run.completed", "run.failed", "run.cancelled"})


@dataclass(frozen=True, kw_only=True)
class Ask:
    """What is asked of an agent."""

    agent: str
    input: str
    session_id: str | None = None
    version: int | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)

    def call(self, mode: str, *, accept: str, timeout_s: float, key: str | None) -> Call:
        """Write it as a call in the given mode."""
        wanted = {"session_id": self.session_id, "version": self.version}
        return Call(
            method="POST",
            path=f"/v1/agents/{segment(self.agent)}/runs",
            body={
                "input": self.input,
                "mode": mode,
                **{name: value for name, value in wanted.items() if value is not None},
                **({"metadata": dict(self.metadata)} if self.metadata else {}),
            },
            accept=accept,
            timeout_s=timeout_s,
            idempotency_key=key or str(uuid.uuid4()),
        )


class Runs:
    """`client.runs`."""

    def __init__(self, session: Session) -> None:
        """Take the connection."""
        self._session = session

    def start(
        self,
        agent: str,
        input: str,  # noqa: A002  # the API's own word
        *,
        session_id: str | None = None,
        version: int | None = None,
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> Run:
        """Ask an agent and wait for the whole answer. A run that failed is an answer too."""
        ask = Ask(
            agent=agent,
            input=input,
            session_id=session_id,
            version=version,
            metadata=metadata or {},
        )
        call = ask.call(
            "wait", accept="application/json", timeout_s=RUN_TIMEOUT_S, key=idempotency_key
        )
        return Run.of(self._session.call(call)[1])

    def stream(
        self,
        agent: str,
        input: str,  # noqa: A002  # the API's own word
        *,
        session_id: str | None = None,
        version: int | None = None,
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> Iterator[RunEvent]:
        """Ask an agent and give the run's events as they happen, up to its last one.

        A broken stream is asked for again with the same Idempotency-Key and goes on behind the last
        event seen, without gap or repeat. Raises ApiError, ConnectionFailed, StreamBroken.
        """
        ask = Ask(
            agent=agent,
            input=input,
            session_id=session_id,
            version=version,
            metadata=metadata or {},
        )
        call = ask.call(
            "stream", accept="text/event-stream", timeout_s=SILENCE_TIMEOUT_S, key=idempotency_key
        )
        return _follow(self._session, call)

    def get(self, run_id: str) -> RunDetail:
        """Show a run with its journal and spans."""
        _, body = self._session.call(Call(method="GET", path=f"/v1/runs/{segment(run_id)}"))
        return RunDetail.of(body)

    def list(
        self, *, agent: str | None = None, status: str | None = None, limit: int | None = None
    ) -> Iterator[Run]:
        """Give runs, newest first, page after page, at most `limit`."""
        query = {"agent": agent, "status": status}
        return map(Run.of, self._session.pages("/v1/runs", query, limit))


def _follow(session: Session, call: Call) -> Iterator[RunEvent]:
    seen, failures = (-1,), 0
    while True:
        try:
            for event in _events(session, call):
                place = _place(event.id)
                if place > seen:
                    seen, failures = place, 0
                    yield event
                if event.name in LAST_EVENTS:
                    return
            raise StreamBroken("the stream ended before the run did")
        except OrchStackError as error:
            failures += 1
            wait = session.retries.wait_after(failures, error)
            if wait is None:
                raise
            session.retries.sleep(wait)


def _events(session: Session, call: Call) -> Iterator[RunEvent]:
    response = session.open(call)
    try:
        for event in sse.read(response.chunks):
            yield RunEvent(event.id, event.event, _data(event.data))
    except sse.EventTooLong as error:
        raise ConnectionFailed(str(error)) from error


def _place(id_: str) -> tuple[int, ...]:
    """Give what ids are compared by: they rise through the whole tale."""
    parts = id_.split(".")
    if not all(part.isdecimal() for part in parts):
        raise StreamBroken(f"an event of the stream has no place: {id_[:40]!r}")
    return tuple(int(part) for part in parts)


def _data(text: str) -> JsonObject:
    try:
        data: JsonObject = json.loads(text)
    except ValueError as error:
        raise ConnectionFailed("an event of the stream holds no JSON") from error
    return data
