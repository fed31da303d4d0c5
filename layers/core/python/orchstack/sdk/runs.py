"""Runs: ask an agent, watch it work, look at what it did."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from orchstack.sdk.following import Follower
from orchstack.sdk.models import Run, RunDetail, RunEvent
from orchstack.sdk.records import RUN_TIMEOUT_S, SILENCE_TIMEOUT_S, RunRecords
from orchstack.sdk.session import Call, segment


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


class Runs(RunRecords):
    """`client.runs`."""

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

        Where the stream breaks, or ends before the run does, the run is followed by its id behind
        the last event seen, without gap or repeat. Raises ApiError, ConnectionFailed, StreamBroken.
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
        return iter(Follower(self._session, call))

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
