"""Following a run: as it is asked, or by its id, through every break of the connection."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from orchstack.kernel import sse
from orchstack.kernel.plain import JsonObject
from orchstack.sdk.errors import ConnectionFailed, OrchStackError, StreamBroken
from orchstack.sdk.models import RunEvent
from orchstack.sdk.session import Call, Session, segment

LAST_EVENTS: Final = frozenset({"run.completed", "run.failed", "run.cancelled"})
# The server shows every 10 s that it is there.
SILENCE_TIMEOUT_S: Final = 45.0
# A stream that the server ends after this long has had its time: that is no failure.
_SOON_S: Final = 5.0


def events_of(run_id: str, after: str | None, types: Sequence[str]) -> Call:
    """Write the call that follows a run behind an event."""
    return Call(
        method="GET",
        path=f"/v1/runs/{segment(run_id)}/events",
        query={"after": after, "types": ",".join(types) or None},
        accept=sse.CONTENT_TYPE,
        timeout_s=SILENCE_TIMEOUT_S,
    )


@dataclass
class Follower:
    """Gives the events of one run, each once and in order, up to its last.

    `asking` is the request that begins the run: it is sent, and sent again with the same
    Idempotency-Key, until the run's id and a first event are known; from then on the run is
    followed by its id.
    """

    session: Session
    asking: Call | None = None
    run_id: str | None = None
    after: str | None = None
    types: Sequence[str] = ()
    # Nothing before the first event: whether `after` is a place, the server judges.
    _seen: tuple[int, ...] = field(default=(-1,), init=False)

    def __iter__(self) -> Iterator[RunEvent]:
        """Give the events. Raises ApiError, ConnectionFailed, StreamBroken without progress."""
        failures = 0
        while True:
            seen, opened_at = self.after, time.monotonic()
            try:
                for event in self._fresh():
                    yield event
                    if event.name in LAST_EVENTS:
                        return
                failure: OrchStackError = StreamBroken("the stream ended before the run did")
            except OrchStackError as error:
                failure = error
            else:
                if time.monotonic() - opened_at > _SOON_S:
                    failures = 0
                    continue
            failures = 1 if self.after != seen else failures + 1
            wait = self.session.retries.wait_after(failures, failure)
            if wait is None:
                raise failure
            self.session.retries.sleep(wait)

    def _fresh(self) -> Iterator[RunEvent]:
        """Give what one connection brings beyond what was seen."""
        for event in self._events():
            here = place_of(event.id)
            if here > self._seen:
                self._seen, self.after = here, event.id
                yield event

    def _events(self) -> Iterator[RunEvent]:
        response = self.session.open(self._call())
        self.run_id = response.headers.get("orchstack-run-id") or self.run_id
        try:
            for event in sse.read(response.chunks):
                yield RunEvent(event.id, event.event, _data(event.data))
        except sse.EventTooLong as error:
            raise ConnectionFailed(str(error)) from error

    def _call(self) -> Call:
        known = self.run_id is not None and (self.asking is None or self.after is not None)
        if known and self.run_id is not None:
            return events_of(self.run_id, self.after, self.types)
        if self.asking is None:
            raise ValueError("neither a run to follow nor one to begin")
        return self.asking


def place_of(id_: str) -> tuple[int, ...]:
    """Give what ids are compared by: they rise through the whole tale. Raises StreamBroken."""
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
