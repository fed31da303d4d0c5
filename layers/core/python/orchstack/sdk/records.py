"""The records of runs: their steps and events, replays, forks, diffs, erasure."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from orchstack.kernel import sse
from orchstack.kernel.plain import JsonMapping
from orchstack.sdk.contexts import Context
from orchstack.sdk.following import LAST_EVENTS, Follower
from orchstack.sdk.models import Model, Run, RunEvent, Usage
from orchstack.sdk.session import Call, Session, segment

# A run may take 14 minutes; API Gateway cuts a stream that is silent for 5.
RUN_TIMEOUT_S: Final = 900.0
SILENCE_TIMEOUT_S: Final = 310.0


@dataclass(frozen=True, kw_only=True)
class Step(Model):
    """A step of a run; `recorded`: it was taken over from the run this one was forked from."""

    seq: int
    kind: str
    status: str
    work: JsonMapping
    usage: Usage
    cost_micro_usd: int
    started_at: datetime
    finished_at: datetime | None
    recorded: bool


@dataclass(frozen=True, kw_only=True)
class Replay(Model):
    """What deciding a run anew from its journal came to; `digest` stands for all decisions."""

    identical: bool
    decisions: tuple[JsonMapping, ...]
    digest: str
    first_difference: JsonMapping | None


@dataclass(frozen=True, kw_only=True)
class RunDiff(Model):
    """Two runs side by side; `first_divergence` is the first pair of steps that is not the same."""

    a: Run
    b: Run
    same: bool
    origins: tuple[JsonMapping, ...]
    steps: tuple[JsonMapping, ...]
    first_divergence: JsonMapping | None
    output: tuple[str, ...]
    totals: tuple[JsonMapping, ...]


@dataclass(frozen=True, kw_only=True)
class Fork:
    """Where a run is taken up, and what is different from there on; None: as it was."""

    from_step: int
    input: str | None = None
    instructions: str | None = None
    model: str | None = None
    # What the tool of `from_step` is taken to have answered, and whether that is an error.
    tool_result: str | None = None
    tool_failed: bool = False
    metadata: Mapping[str, str] | None = None

    def call(self, run_id: str, mode: str, key: str | None) -> Call:
        """Write it as a call in the given mode."""
        result = {"content": self.tool_result, "is_error": self.tool_failed}
        wanted = {
            "input": self.input,
            "instructions": self.instructions,
            "model": self.model,
            "tool_result": None if self.tool_result is None else result,
            "metadata": dict(self.metadata) if self.metadata else None,
        }
        given = {name: value for name, value in wanted.items() if value is not None}
        streamed = mode == "stream"
        return Call(
            method="POST",
            path=f"/v1/runs/{segment(run_id)}/fork",
            body={"from_step": self.from_step, "mode": mode, **given},
            accept=sse.CONTENT_TYPE if streamed else "application/json",
            timeout_s=SILENCE_TIMEOUT_S if streamed else RUN_TIMEOUT_S,
            idempotency_key=key or str(uuid.uuid4()),
        )


class RunRecords:
    """The part of `client.runs` that looks back at runs, and takes them up again."""

    def __init__(self, session: Session) -> None:
        """Take the connection."""
        self._session = session

    def steps(self, run_id: str, *, limit: int | None = None) -> Iterator[Step]:
        """Give the steps of a run in order, page after page, at most `limit`."""
        return map(Step.of, self._session.pages(f"{_path(run_id)}/steps", {}, limit))

    def step(self, run_id: str, seq: int) -> Step:
        """Show one step of a run."""
        return Step.of(self._get(f"{_path(run_id)}/steps/{seq}"))

    def context(self, run_id: str, seq: int) -> Context:
        """Show what the model of a step was shown. Raises Gone if the run's texts were erased."""
        return Context.of(self._get(f"{_path(run_id)}/steps/{seq}/context"))

    def events(
        self, run_id: str, *, after: str | None = None, types: Sequence[str] = ()
    ) -> Iterator[RunEvent]:
        """Follow a run, from the beginning or behind an event, until it is over.

        Each event comes once and in order, whatever becomes of the connection meanwhile. `types`
        are names of events; the run's last one is among those that come in any case. Raises Gone
        if its texts were erased.
        """
        wanted = sorted({*types, *LAST_EVENTS}) if types else []
        return iter(Follower(self._session, run_id=run_id, after=after, types=wanted))

    def replay(self, run_id: str) -> Replay:
        """Decide a run anew from its journal and compare; nothing is called. Raises Gone."""
        call = Call(method="POST", path=f"{_path(run_id)}/replay")
        return Replay.of(self._session.call(call)[1])

    def fork(
        self,
        run_id: str,
        fork: Fork,
        *,
        background: bool = False,
        idempotency_key: str | None = None,
    ) -> Run:
        """Begin a run from a step of another, and wait for its end unless in the background."""
        mode = "background" if background else "wait"
        return Run.of(self._session.call(fork.call(run_id, mode, idempotency_key))[1])

    def stream_fork(
        self, run_id: str, fork: Fork, *, idempotency_key: str | None = None
    ) -> Iterator[RunEvent]:
        """Begin a run from a step of another, and give its events up to its last."""
        return iter(Follower(self._session, fork.call(run_id, "stream", idempotency_key)))

    def diff(self, run_id: str, other: str) -> RunDiff:
        """Compare a run with another one, step by step. Raises Gone."""
        call = Call(method="GET", path=f"{_path(run_id)}/diff", query={"other": other})
        return RunDiff.of(self._session.call(call)[1])

    def erase(self, run_id: str) -> Run:
        """Erase the texts of a run that is over; doing it again changes nothing."""
        return Run.of(self._session.call(Call(method="DELETE", path=_path(run_id)))[1])

    def _get(self, path: str) -> JsonMapping:
        answer: JsonMapping = self._session.call(Call(method="GET", path=path))[1]
        return answer


def _path(run_id: str) -> str:
    return f"/v1/runs/{segment(run_id)}"
