"""The whole local cloud over a small assembly with real handlers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
import urllib3

from orchstack.local.cloud import CloudInfo, LocalCloud
from orchstack.local.failures import AlreadyRunning
from orchstack.local.postgres import erase
from orchstack.local.state.clients import Clients
from tests.local.kit import eventually
from tests.local.small_assembly import write_assembly


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudInfo]:
    """A local cloud in a process of its own, started once."""
    folder = tmp_path_factory.mktemp("cloud")
    process = _start(write_assembly(folder / "cdk.out"), folder / "state")
    yield _info(process, folder / "state")
    process.terminate()
    process.wait(10)
    erase(folder / "state" / "postgres")


def _start(assembly: Path, state: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "orchstack.local", "--assembly", str(assembly)]
    command += ["--state", str(state), "--port", "0"]
    state.mkdir(parents=True, exist_ok=True)
    with (state / "output").open("wb") as output:
        return subprocess.Popen(  # noqa: S603 - our own program
            command, stdout=output, stderr=subprocess.STDOUT
        )


def _info(process: subprocess.Popen[bytes], state: Path) -> CloudInfo:
    def written() -> dict[str, Any] | None:
        assert process.poll() is None, (state / "output").read_text()
        file = state / "cloud.json"
        document: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
        return document if document.get("pid") == process.pid else None

    return CloudInfo(**eventually(written, within_s=60))


def _get(url: str) -> Any:
    return json.loads(urllib3.request("GET", url, timeout=10, retries=False).data)


def test_a_request_reaches_its_function(running: CloudInfo) -> None:
    """The output's URL leads to the gateway; the function has its own and the local settings."""
    url = running.outputs["App"]["Url"]
    assert f"{running.api_url}/echo" == url
    assert {"greeting": "hihi", "path": "/echo", "auth": "trust"} == _get(url)


def test_an_event_travels_over_rule_queue_and_function_to_the_bucket(running: CloudInfo) -> None:
    """What a rule matches goes to its queue, the queue's function stores it."""
    clients = Clients(running.aws_endpoint)
    entry = {"Source": "test", "DetailType": "t", "Detail": '{"key": "k"}', "EventBusName": "bus"}
    clients.get("events").put_events(Entries=[entry])
    bucket = running.outputs["Data"]["Bucket"]
    s3 = clients.get("s3")
    eventually(lambda: s3.list_objects_v2(Bucket=bucket)["KeyCount"], within_s=20)
    assert b"stored" == s3.get_object(Bucket=bucket, Key="k")["Body"].read()
    clients.close()


def test_a_state_machine_runs_its_function(running: CloudInfo) -> None:
    """The machine's definition comes from its asset, with the function filled in."""
    clients = Clients(running.aws_endpoint)
    client = clients.get("stepfunctions")
    machine = running.outputs["App"]["Machine"]
    arn = client.start_execution(stateMachineArn=machine, input='{"n": 4}')["executionArn"]

    def ended() -> Any:
        answer = client.describe_execution(executionArn=arn)
        return answer if answer["status"] != "RUNNING" else None

    assert "8" == eventually(ended, within_s=20)["output"]
    clients.close()


def test_the_endpoints_of_the_data_plane_are_real(running: CloudInfo) -> None:
    """The template's cluster and cache name the local servers; the master user is there."""
    outputs = running.outputs["Data"]
    assert str(running.cache_port) == outputs["CachePort"]
    dsn = f"postgresql://master@127.0.0.1:{outputs['DatabasePort']}/app"
    with psycopg.connect(dsn) as connection:
        assert "app" == connection.info.dbname


def test_the_status_tells_of_everything(running: CloudInfo) -> None:
    """Functions, queues with dead letters, executions, schedules and rules are listed."""
    status = _get(f"{running.api_url}/_local/status")
    assert "App-app" in {function["name"] for function in status["functions"]}
    queue = next(queue for queue in status["queues"] if queue["name"] == "App-Queue")
    assert ("App-Dead", 0) == (queue["dead_letter_queue"], queue["dead_letters"])
    assert "doubling" in status["executions"]
    assert 1 == len(status["schedules"])
    assert "App-Rule" in {rule["name"] for rule in status["rules"]}
    assert Path(status["database"]["folder"]).is_dir()


def test_dead_letters_are_redriven_on_request(running: CloudInfo) -> None:
    """A POST moves dead letters back; an unknown queue and a mere GET are refused."""
    address = f"{running.api_url}/_local/redrive"
    answer = urllib3.request("POST", f"{address}?queue=App-Queue").json()
    assert {"queue": "App-Queue", "moved": 0} == answer
    answer = urllib3.request("POST", f"{address}?queue=nobody").json()
    assert "no queue with dead letters is called nobody" == answer["detail"]
    assert urllib3.request("GET", f"{address}?queue=App-Queue").status >= 400


def test_one_cloud_a_state_directory(running: CloudInfo) -> None:
    """A second cloud over the same state is refused, naming the process that has it."""
    state = Path(running.log_file).parents[1]
    with pytest.raises(AlreadyRunning, match=str(running.pid)):
        LocalCloud(state.parent / "cdk.out", state).start()


def test_a_restart_keeps_what_is_promised(tmp_path: Path) -> None:
    """Killed or stopped, no process stays; secrets, key ids, objects and the database do."""
    assembly, state = write_assembly(tmp_path / "cdk.out"), tmp_path / "state"
    found: list[tuple[Any, ...]] = []
    for how in (signal.SIGKILL, signal.SIGINT):
        process = _start(assembly, state)
        info = _info(process, state)
        if not found:
            _leave(info)
        found.append(_kept(info))
        children = _descendants(process.pid)
        began = time.monotonic()
        process.send_signal(how)
        process.wait(10)
        # Three seconds on a machine with nothing else to do.
        assert time.monotonic() - began < 8
        eventually(partial(_all_gone, children), within_s=5)
    erase(state / "postgres")
    assert found[0] == found[1]


def _leave(info: CloudInfo) -> None:
    clients = Clients(info.aws_endpoint)
    bucket = info.outputs["Data"]["Bucket"]
    clients.get("s3").put_object(Bucket=bucket, Key="k", Body=b"kept")
    clients.close()
    with psycopg.connect(info.database_dsn) as connection:
        connection.execute("create table kept as select 7 as number")
    # A worker is among those that must not stay, and a second makes the object safe.
    _get(info.outputs["App"]["Url"])
    time.sleep(1)


def _kept(info: CloudInfo) -> tuple[Any, ...]:
    clients = Clients(info.aws_endpoint)
    bucket, key = info.outputs["Data"]["Bucket"], info.outputs["Data"]["Key"]
    body = clients.get("s3").get_object(Bucket=bucket, Key="k")["Body"].read()
    clients.close()
    with psycopg.connect(info.database_dsn) as connection:
        rows = connection.execute("select number from kept").fetchall()
    return info.platform_key, key, body, rows


def _descendants(pid: int) -> list[int]:
    found: list[int] = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        fields = file.read_text().rsplit(")", 1)[1].split()
        if int(fields[1]) == pid:
            child = int(file.parent.name)
            found += [child, *_descendants(child)]
    return found


def _all_gone(pids: list[int]) -> bool:
    return not any(_alive(pid) for pid in pids)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"
