from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from orchstack.local.functions.invocation import Invocation
from tests.local.edge_kit import CORE_LAYER, Edge
from tests.local.kit import eventually

PARENT = """
import sys, time
from pathlib import Path
from tests.local.edge_kit import Edge

edge = Edge(Path(sys.argv[1]))
print(edge.answer("answers.describe")["pid"], flush=True)
edge.invoke("answers.sleep", {"seconds": 60})
"""


def _alive(pid: int) -> bool:
    try:
        return "Z" != Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


@pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux ties a child's life to its parent's"
)
def test_killing_the_parent_leaves_no_worker(tmp_path: Path) -> None:
    """Whatever ends the local cloud, SIGKILL included, also ends its workers, idle or busy."""
    root = CORE_LAYER.parents[1]
    parent = subprocess.Popen(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", PARENT, str(tmp_path)],
        env={"PYTHONPATH": f"{CORE_LAYER / 'python'}:{root}"},
        stdout=subprocess.PIPE,
    )
    assert parent.stdout is not None
    idle = int(parent.stdout.readline())
    workers = [idle, eventually(lambda: next(iter(_children(parent.pid) - {idle}), None))]

    parent.send_signal(signal.SIGKILL)
    parent.wait(5)
    parent.stdout.close()

    assert eventually(lambda: not any(_alive(pid) for pid in workers))


def _children(pid: int) -> set[int]:
    found = Path(f"/proc/{pid}/task").glob("*/children")
    return {int(child) for file in found for child in file.read_text().split()}


def test_what_a_function_started_ends_with_it(edge: Edge, tmp_path: Path) -> None:
    """A timeout ends the processes a function started as well."""
    mark = tmp_path / "pid"
    (tmp_path / "starter.py").write_text(
        "import subprocess, time\n"
        "def handler(event, context):\n"
        "    child = subprocess.Popen(['sleep', '60'])\n"
        f"    open({str(mark)!r}, 'w').write(str(child.pid))\n"
        "    time.sleep(60)\n"
    )
    edge.register("starting", "starter.handler", code_dir=tmp_path, timeout_s=0.5)

    assert "Sandbox.Timedout" == edge.failure("starting")["errorType"]

    assert eventually(lambda: not _alive(int(mark.read_text())))


def test_invocations_leave_nothing_behind(edge: Edge) -> None:
    """Answered, failed, timed out, crashed and cancelled invocations are all forgotten."""
    edge.register("ending", "answers.sleep", timeout_s=0.2, concurrency=2)

    async def cancelled() -> None:
        call = asyncio.create_task(edge.functions.invoke("answers.sleep", b'{"seconds": 0.1}'))
        await asyncio.sleep(0.02)
        call.cancel()

    for event in ({"seconds": 0}, {"seconds": 5}, {"wrong": 1}):
        edge.invoke("ending", event)
    edge.invoke("answers.leave", {"status": 1})
    edge.run(cancelled())

    assert eventually(lambda: not _invocations())
    assert all(0 == status.busy == status.waiting for status in edge.functions.status())


def _invocations() -> list[Invocation]:
    gc.collect()
    return [thing for thing in gc.get_objects() if isinstance(thing, Invocation)]


def test_a_worker_that_asks_twice_has_broken_off(edge: Edge, tmp_path: Path) -> None:
    """A runtime that asks for its next invocation without answering the last one fails that one."""
    runtime = tmp_path / "runtime"
    runtime.write_text(
        f"#!{sys.executable}\n"
        "import http.client, os\n"
        "host = os.environ['AWS_LAMBDA_RUNTIME_API']\n"
        "while True:\n"
        "    client = http.client.HTTPConnection(host)\n"
        "    client.request('GET', '/2018-06-01/runtime/invocation/next')\n"
        "    client.getresponse().read()\n"
    )
    runtime.chmod(0o755)
    edge.register(
        "careless",
        "any.handler",
        layer_dirs=(tmp_path,),
        environment={"AWS_LAMBDA_EXEC_WRAPPER": "/opt/runtime"},
    )

    assert "Runtime.TruncatedResponse" == edge.failure("careless")["errorType"]


def test_the_platform_refuses_what_it_does_not_know(edge: Edge, tmp_path: Path) -> None:
    """An answer to another's invocation is refused with 400, an unknown path with 404."""
    (tmp_path / "prober.py").write_text(
        "import http.client, os\n"
        "def ask(path):\n"
        "    client = http.client.HTTPConnection(os.environ['AWS_LAMBDA_RUNTIME_API'])\n"
        "    client.request('POST', '/2018-06-01/runtime/' + path, b'{}')\n"
        "    return client.getresponse().status\n"
        "def handler(event, context):\n"
        "    return [ask('invocation/other/response'), ask('invocation/other/error'), ask('no')]\n"
    )
    edge.register("probing", "prober.handler", code_dir=tmp_path)

    assert [400, 400, 404] == edge.answer("probing")


def test_stopping_leaves_no_process(tmp_path: Path) -> None:
    """When the service stops, its workers are gone and a busy one's caller is told."""
    edge = Edge(tmp_path)
    pid = edge.answer("answers.describe")["pid"]
    running = asyncio.run_coroutine_threadsafe(
        edge.functions.invoke("answers.sleep", json.dumps({"seconds": 30}).encode()), edge.loop
    )
    eventually(lambda: edge.status("answers.sleep").busy)

    edge.stop()

    assert b"Sandbox.Stopped" in running.result(timeout=1).payload
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
