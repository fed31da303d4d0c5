"""Following runs over connections that break at random: does every event come, and once?"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random

import urllib3

from orchstack.kernel import sse
from tests.bench.first_byte import set_providers
from tests.bench.overhead import calculating_agent
from tests.cloud import Caller, RunningCloud

WORDS = 20
PAUSE_S = 0.1
# What is cut in one run: while it goes on, and when it is over.
DURING, AFTER = 8, 3
# A connection is cut after so many bytes at most.
ROOM = 350
AT_ONCE = 3
LAST = ("run.completed", "run.failed", "run.cancelled")

Told = tuple[str, str, str]


@dataclass
class Tally:
    """What became of the connections, and of what came over them."""

    runs: int = 0
    cuts_during: int = 0
    cuts_after: int = 0
    events: int = 0
    gaps: int = 0
    duplicates: int = 0
    differing: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def count(self, wanted: list[Told], *readers: _Reader) -> None:
        """Compare what readers have put together with the run's whole tale."""
        with self._lock:
            self.runs += 1
            for reader in readers:
                got = reader.told
                self.cuts_during += reader.cuts_during
                self.cuts_after += reader.cuts - reader.cuts_during
                self.events += len(got)
                self.gaps += len(set(wanted) - set(got))
                self.duplicates += len(got) - len(set(got))
                self.differing += wanted != got

    @property
    def cuts(self) -> int:
        """All connections that were cut."""
        return self.cuts_during + self.cuts_after

    @property
    def faultless(self) -> bool:
        """Whether every reader has read exactly the tale."""
        return not (self.gaps or self.duplicates or self.differing)

    def __str__(self) -> str:
        """As a person reads it."""
        return (
            f"{self.cuts} connections cut ({self.cuts_during} during, {self.cuts_after} after "
            f"{self.runs} runs), {self.events} events read: {self.gaps} gaps, "
            f"{self.duplicates} duplicates, {self.differing} tales that differ"
        )


class SlowProvider(ThreadingHTTPServer):
    """An OpenAI-wire provider that takes a second over its answer."""

    daemon_threads = True

    def __init__(self) -> None:
        """Listen on a free loopback port."""
        super().__init__(("127.0.0.1", 0), _Completions)


class _Completions(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Stream an answer, word by word."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for number in range(WORDS):
            self._send({"content": f"word {number} "})
            time.sleep(PAUSE_S)
        self._send({}, finish="stop")
        self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True

    def _send(self, delta: dict[str, str], finish: str | None = None) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        chunk = {"object": "chat.completion.chunk", "choices": [choice]}
        self.wfile.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def measure(cloud: RunningCloud, cuts: int, seed: str = "events") -> Tally:
    """Follow runs until at least so many connections were cut."""
    tally = Tally()
    with _slow_provider(cloud):
        tenant = calculating_agent(cloud, "followed runs", model="slow/any")
        with ThreadPoolExecutor(AT_ONCE) as pool:
            number = 0
            while tally.cuts < cuts:
                batch = range(number, number + AT_ONCE)
                randoms = [Random(f"{seed} {n}") for n in batch]  # noqa: S311 - nothing is secret
                list(pool.map(lambda random: _one_run(tenant, random, tally), randoms))
                number += AT_ONCE
    return tally


@contextmanager
def _slow_provider(cloud: RunningCloud) -> Iterator[None]:
    server = SlowProvider()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/v1"
    set_providers(cloud, {"slow": {"base_url": url, "api_key": "none"}})
    yield
    server.shutdown()
    server.server_close()


def _one_run(tenant: Caller, random: Random, tally: Tally) -> None:
    """Let a run begin, follow it over cut connections, and read it again when it is over."""
    streamed: list[Told] = []
    begun = threading.Event()
    ids: list[str] = []

    def drive() -> None:
        for event in tenant.stream("clerk", "Say something long."):
            streamed.append((event.id, event.name, json.dumps(event.data, sort_keys=True)))
            if event.name == "run.started":
                ids.append(str(event.data["run_id"]))
                begun.set()

    caller = threading.Thread(target=drive)
    caller.start()
    if not begun.wait(30):
        raise RuntimeError("the run did not begin")
    live = _Reader(tenant, ids[0], random, caller.is_alive)
    live.read(DURING)
    caller.join()
    late = _Reader(tenant, ids[0], random, caller.is_alive)
    late.read(AFTER)
    tally.count(streamed, live, late)


@dataclass
class _Reader:
    """Reads a run's events over connections that it cuts itself, anywhere in the stream."""

    tenant: Caller
    run_id: str
    random: Random
    under_way: Callable[[], bool]
    told: list[Told] = field(default_factory=list)
    cuts: int = 0
    cuts_during: int = 0

    def read(self, cuts: int) -> None:
        """Read to the end, cutting the connection up to so many times."""
        while not self.done:
            if self.cuts == cuts:
                self._once(_Room(None))
                if not self.done:
                    raise RuntimeError("the stream ended without its last event")
                return
            room = _Room(self.random.randint(1, ROOM))
            self._once(room)
            if room.left == 0:
                self.cuts += 1
                self.cuts_during += self.under_way()

    @property
    def done(self) -> bool:
        """Whether the run's last event has come."""
        return bool(self.told) and self.told[-1][1] in LAST

    def _once(self, room: _Room) -> None:
        headers = {"Authorization": f"Bearer {self.tenant.key}"}
        if self.told:
            headers["Last-Event-ID"] = self.told[-1][0]
        url = f"{self.tenant.url}/v1/runs/{self.run_id}/events"
        response = self.tenant.pool.request("GET", url, headers=headers, preload_content=False)
        try:
            if response.status != 200:
                raise RuntimeError(f"{response.status}: {response.read().decode()}")
            for event in sse.read(room.filled(response)):
                data = json.dumps(json.loads(event.data), sort_keys=True)
                self.told.append((event.id, event.event, data))
        finally:
            response.close()


@dataclass
class _Room:
    """What may come over one connection: at most so many bytes, or as many as come (None)."""

    left: int | None

    def filled(self, response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
        """Give the bytes as they come; where the room ends, the connection is cut."""
        while self.left is None or self.left > 0:
            chunk = response.read1(4096 if self.left is None else self.left)
            if not chunk:
                return
            self.left = None if self.left is None else self.left - len(chunk)
            yield chunk
