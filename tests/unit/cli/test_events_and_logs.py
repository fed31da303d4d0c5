"""`orchstack events`, `orchstack logs`, `orchstack status`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from orchstack.cli.commands.logs import colour
from orchstack.cli.commands.status import print_executions, print_functions, print_queues
from tests.unit.cli.kit import Api, page


def event(subject: str) -> dict[str, Any]:
    """A CloudEvent."""
    return {
        "specversion": "1.0",
        "id": "e-1",
        "source": "orchstack.agent_runtime",
        "type": "agent_runtime.RunStarted.v1",
        "subject": subject,
        "time": "2026-01-01T12:30:00.250Z",
        "datacontenttype": "application/json",
        "tenantid": "t-1",
        "data": {"agent": "adder"},
    }


def test_the_last_events_are_shown_oldest_first() -> None:
    """Time, type, subject and data, one event a line."""
    api = Api({"GET /v1/events": page(event("b"), event("a"))})
    lines = api.run("events", "tail", "--limit", "5").output.splitlines()

    assert '12:30:00.250  agent_runtime.RunStarted.v1  a  {"agent":"adder"}' == lines[0]
    assert "limit=5" in api.requests[0].url
    assert 2 == len(lines)


def test_programs_get_the_events_themselves() -> None:
    """--json prints CloudEvents, one a line."""
    result = Api({"GET /v1/events": page(event("a"))}).run("events", "tail", "--json")

    assert event("a") == json.loads(result.output)


ENTRIES = [
    {"service": "agent_runtime", "function": "X-start_run", "level": "INFO", "run_id": "r-1"},
    {"service": "event_bus", "function": "X-relay_outbox", "level": "ERROR"},
    {"service": "event_bus", "function": "X-relay_outbox", "level": "DEBUG"},
]
FAILURE = {"type": "KeyError", "message": "'x'", "stack": "Traceback\n  line 1\n"}


@pytest.fixture
def logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder with three log lines."""
    monkeypatch.setenv("ORCHSTACK_STATE", str(tmp_path))
    (tmp_path / "logs").mkdir()
    lines: list[dict[str, Any]] = [
        {"time": "2026-01-01T12:30:00.250Z", "message": f"line {n}", **entry}
        for n, entry in enumerate(ENTRIES)
    ]
    lines[1] |= {"error": FAILURE, "tenant_id": "t-1", "colour": "red"}
    file = tmp_path / "logs" / "functions.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return tmp_path


@pytest.mark.usefixtures("logged")
def test_logs_are_merged_on_lines_for_people() -> None:
    """Time, level, service/function, message, the other fields, an error with its stack."""
    lines = Api().run("logs").output.splitlines()

    assert "12:30:00.250 INFO    agent_runtime/start_run line 0 run_id=r-1" == lines[0]
    assert "12:30:00.250 ERROR   event_bus/relay_outbox line 1 colour=red" == lines[1]
    assert ["    KeyError: 'x'", "    Traceback", "      line 1"] == lines[2:]


@pytest.mark.usefixtures("logged")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--service", "event_bus"), ["line 1"]),
        (("--run", "r-1"), ["line 0"]),
        (("--level", "DEBUG", "--limit", "1"), ["line 2"]),
        (("--level", "ERROR"), ["line 1"]),
    ],
)
def test_logs_can_be_narrowed(words: tuple[str, ...], expected: list[str]) -> None:
    """By service, run, level and number."""
    output = Api().run("logs", "--json", *words).output

    assert expected == [json.loads(line)["message"] for line in output.splitlines()]


@pytest.mark.usefixtures("logged")
def test_without_a_local_cloud_status_says_how_to_start_one() -> None:
    """No cloud.json with a living process: exit code 3."""
    result = Api().run("status")

    assert 3 == result.exit_code
    assert "make up" in result.stderr


def test_without_logs_the_command_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was logged here yet."""
    monkeypatch.setenv("ORCHSTACK_STATE", str(tmp_path))
    result = Api().run("logs")

    assert 1 == result.exit_code
    assert "make up" in result.stderr


def test_a_service_keeps_its_colour() -> None:
    """A colour follows from the name alone, and the services can be told apart."""
    services = {"agent_runtime", "control_plane", "event_bus", "guard_sys", "llm_router"}
    services |= {"memory_mgr", "tool_exec"}

    assert 7 == len({colour(service) for service in services})


STATUS: Mapping[str, Any] = {
    "functions": [
        {"name": "X-start_run", "service": "agent_runtime", "workers": 1, "busy": 1}
        | {"waiting": 0, "invocations": 7, "errors": 2, "throttles": 0},
        {"name": "X-get_run", "service": "agent_runtime", "workers": 0, "busy": 0}
        | {"waiting": 0, "invocations": 0, "errors": 0, "throttles": 0},
    ],
    "queues": [
        {"name": "nudges", "visible": 1, "in_flight": 2, "delayed": 3}
        | {"dead_letter_queue": "nudges-dead", "dead_letters": 4},
        {"name": "nudges-dead", "visible": 4, "in_flight": 0, "delayed": 0}
        | {"dead_letter_queue": None, "dead_letters": 0},
    ],
    "executions": {"agent_run": {"SUCCEEDED": 2, "RUNNING": 1}},
    "schedules": [{"arn": "arn:aws:scheduler:x:y:schedule/g/X-sweep", "next": None}],
}


def test_status_shows_what_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """Functions that were called, queues with their dead letters, executions, schedules."""
    print_functions(STATUS)
    print_queues(STATUS)
    print_executions(STATUS)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]

    assert ["agent_runtime", "start_run", "1", "1", "7", "2", "0"] in lines
    assert ["1", "of", "2", "functions", "were", "not", "called", "yet."] in lines
    assert ["nudges", "1", "2", "3", "4"] in lines
    assert ["agent_run", "2", "succeeded,", "1", "running"] in lines
    assert not any(line[:1] == ["nudges-dead"] for line in lines)
    assert ["Next", "sweep:", "never"] in lines
