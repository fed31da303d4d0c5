"""A local cloud in a process of its own, for journeys and benchmarks, and a caller of its API."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import boto3
import urllib3

from orchstack.kernel import sse
from tests.house.source import ROOT

START_TIMEOUT_S = 120
T = TypeVar("T")


@dataclass(frozen=True)
class Reply:
    """What the API answered."""

    status: int
    headers: dict[str, str]
    body: Any

    @property
    def code(self) -> str:
        """The problem's code, or `` if it is none."""
        return str(self.body.get("code", "")) if isinstance(self.body, dict) else ""


@dataclass(frozen=True)
class SseEvent:
    """One Server-Sent Event, and the moment it came (`time.monotonic`)."""

    id: str
    name: str
    data: dict[str, Any]
    at: float


@dataclass
class Caller:
    """Calls the API with one key."""

    url: str
    key: str = ""
    pool: urllib3.PoolManager = field(
        default_factory=lambda: urllib3.PoolManager(retries=False, timeout=60)
    )

    def with_key(self, key: str) -> Caller:
        """The same API, another key."""
        return Caller(self.url, key, self.pool)

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        raw: bytes | None = None,
        **headers: str,
    ) -> Reply:
        """Send one request; header names are written with underscores."""
        response = self.pool.request(
            method, self.url + path, body=self._payload(body, raw), headers=self._headers(headers)
        )
        text = response.data.decode()
        is_json = "json" in response.headers.get("content-type", "")
        return Reply(
            response.status,
            {name.lower(): value for name, value in response.headers.items()},
            json.loads(text) if is_json and text else text,
        )

    def get(self, path: str) -> Reply:
        """GET."""
        return self.send("GET", path)

    def post(self, path: str, body: object, **headers: str) -> Reply:
        """POST a JSON body."""
        return self.send("POST", path, body, raw=None, **headers)

    def put(self, path: str, body: object, **headers: str) -> Reply:
        """PUT a JSON body."""
        return self.send("PUT", path, body, raw=None, **headers)

    def delete(self, path: str) -> Reply:
        """DELETE."""
        return self.send("DELETE", path)

    def run(self, agent: str, text: str, **more: object) -> Reply:
        """Run an agent and wait for its answer."""
        return self.post(f"/v1/agents/{agent}/runs", {"input": text, **more})

    def stream(self, agent: str, text: str, **more: object) -> Generator[SseEvent, None, None]:
        """Run an agent and give its events as they come."""
        body = {"input": text, "mode": "stream", **more}
        response = self.pool.request(
            "POST",
            f"{self.url}/v1/agents/{agent}/runs",
            body=json.dumps(body).encode(),
            headers=self._headers({}),
            preload_content=False,
        )
        if response.status != 200:
            raise AssertionError(f"{response.status}: {response.read().decode()}")
        try:
            yield from _sse(response)
        except GeneratorExit:
            # The caller hangs up.
            response.close()
            raise
        response.release_conn()

    def _payload(self, body: object, raw: bytes | None) -> bytes | None:
        return raw if body is None else json.dumps(body).encode()

    def _headers(self, more: dict[str, str]) -> dict[str, str]:
        named = {name.replace("_", "-"): value for name, value in more.items()}
        auth = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        return {"Content-Type": "application/json", **auth, **named}


def _sse(response: urllib3.BaseHTTPResponse) -> Iterator[SseEvent]:
    for event in sse.read(response.stream(4096)):
        yield SseEvent(event.id, event.event, json.loads(event.data), time.monotonic())


@dataclass(frozen=True)
class RunningCloud:
    """A local cloud that answers; `state` is what it wrote to cloud.json."""

    state: dict[str, Any]
    state_dir: Path
    process: subprocess.Popen[bytes]

    @property
    def platform(self) -> Caller:
        """The caller that makes tenants."""
        return Caller(self.state["api_url"], self.state["platform_key"])

    def tenant(self, name: str, **limits: int) -> Caller:
        """Make a tenant; gives a caller with its first key."""
        generous = {"requests_per_minute": 1_000_000, "requests_per_minute_per_key": 1_000_000}
        reply = self.platform.post("/v1/tenants", {"name": name, "limits": generous | limits})
        if reply.status != 201:
            raise AssertionError(reply)
        return self.platform.with_key(reply.body["first_key"]["secret"])

    def aws(self, service: str) -> Any:
        """A client of an AWS service, as the functions see it."""
        make: Any = boto3.client
        return make(
            service,
            endpoint_url=self.state["aws_endpoint"],
            region_name="us-east-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",
        )

    def output(self, stack: str, name: str) -> str:
        """An output of one of the stacks, such as `Services`."""
        return str(self.state["outputs"][f"OrchStack-dev-{stack}"][name])

    def kill(self, function: str) -> None:
        """Kill each process that serves the function."""
        wanted = {
            f"_HANDLER={function}.handler",
            f"AWS_ENDPOINT_URL={self.state['aws_endpoint']}",
        }
        for process in Path("/proc").glob("[0-9]*"):
            try:
                environment = (process / "environ").read_text().split("\0")
            except OSError:
                continue
            if wanted <= set(environment):
                os.kill(int(process.name), signal.SIGKILL)


def eventually(get: Callable[[], T], *, within_s: float = 15) -> T:
    """The first truthy value that `get` gives, or the last one when the time is over."""
    deadline = time.monotonic() + within_s
    while not (value := get()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return value


def synthesize(target: Path) -> Path:
    """Synthesize the development stage for the local cloud; gives the assembly's folder."""
    command = [sys.executable, "infra_cdk/app.py", "--local", "--output", str(target)]
    subprocess.run(command, cwd=ROOT, check=True)  # noqa: S603 - our own program
    return target


@contextmanager
def running_cloud(assembly: Path, state_dir: Path) -> Iterator[RunningCloud]:
    """Start a local cloud and stop it at the end."""
    command = [sys.executable, "-m", "orchstack.local", "--assembly", str(assembly)]
    log = state_dir / "cloud.log"
    state_dir.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own program
            [*command, "--state", str(state_dir), "--port", "0"],
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield RunningCloud(_wait_until_ready(process, state_dir, log), state_dir, process)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)


def _wait_until_ready(
    process: subprocess.Popen[bytes], state_dir: Path, log: Path
) -> dict[str, Any]:
    deadline = time.monotonic() + START_TIMEOUT_S
    path = state_dir / "cloud.json"
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the local cloud ended:\n{log.read_text()[-4000:]}")
        if path.exists():
            state: dict[str, Any] = json.loads(path.read_text())
            if state["pid"] == process.pid:
                return state
        time.sleep(0.05)
    raise TimeoutError(f"the local cloud did not start:\n{log.read_text()[-4000:]}")
