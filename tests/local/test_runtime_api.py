from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from orchstack.local.functions import PayloadTooBig, Result, TooManyRequests, UnknownFunction
from tests.local.edge_kit import CORE_LAYER, HANDLERS, Edge
from tests.local.kit import eventually


def test_a_function_is_reached_by_name_and_by_arn(edge: Edge) -> None:
    """A function answers to its name, its ARN and a qualified ARN alike."""
    arn = "arn:aws:lambda:us-east-1:000000000000:function:answers.echo"

    for name in ("answers.echo", arn, f"{arn}:$LATEST"):
        assert {"hello": "wörld"} == edge.answer(name, {"hello": "wörld"})


def test_an_unknown_function_is_refused(edge: Edge) -> None:
    """A name nobody registered raises UnknownFunction."""
    with pytest.raises(UnknownFunction, match="nobody"):
        edge.invoke("nobody")


def test_a_function_sees_a_clean_environment(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker has what Lambda gives it, the template's variables and ours, and nothing else."""
    monkeypatch.setenv("HOME_OF_THE_DEVELOPER", "secret")
    edge.register("clean", "answers.describe", environment={"ORCHSTACK_STAGE": "dev"})

    environment = edge.answer("clean")["environment"]

    assert "dev" == environment["ORCHSTACK_STAGE"]
    assert "http://127.0.0.1:1" == environment["AWS_ENDPOINT_URL"]
    assert "clean" == environment["AWS_LAMBDA_FUNCTION_NAME"]
    assert f"{HANDLERS}:{CORE_LAYER / 'python'}" == environment["PYTHONPATH"]
    assert {"HOME", "USER", "VIRTUAL_ENV", "HOME_OF_THE_DEVELOPER"}.isdisjoint(environment)


def test_a_function_learns_its_request_and_its_time(edge: Edge) -> None:
    """The context carries the request id and counts the function's own timeout down."""
    result = edge.invoke("answers.describe")

    told = json.loads(result.payload)
    assert result.request_id == told["request_id"]
    assert 9000 < told["remaining_ms"] <= 10000
    assert str(HANDLERS) == told["folder"]


def test_error_types_pass_unchanged(edge: Edge) -> None:
    """What a function raises reaches the caller by its class name, for Retry and Catch to match."""
    failure = edge.failure("answers.fail", {"message": "no apples"})

    assert "OutOfStock" == failure["errorType"]
    assert "no apples" == failure["errorMessage"]
    assert any("answers.py" in line for line in failure["stackTrace"])


def test_the_deadline_kills_the_worker(edge: Edge) -> None:
    """A function that passes its timeout is killed and answers Sandbox.Timedout, with the time."""
    edge.register("late", "answers.sleep", timeout_s=0.3, concurrency=1)
    started = time.monotonic()

    failure = edge.failure("late", {"seconds": 20})

    assert time.monotonic() - started < 2
    assert "Sandbox.Timedout" == failure["errorType"]
    assert failure["errorMessage"].endswith("Error: Task timed out after 0.30 seconds")
    assert {"pid", "order"} == edge.answer("late", {"seconds": 0}).keys()


def test_an_exit_answers_with_its_status(edge: Edge) -> None:
    """A process that exits in an invocation answers Runtime.ExitError and names the status."""
    failure = edge.failure("answers.leave", {"status": 3})

    assert "Runtime.ExitError" == failure["errorType"]
    assert failure["errorMessage"].endswith("Error: Runtime exited with error: exit status 3")


def test_a_killed_process_answers_with_the_signal(edge: Edge) -> None:
    """A process that is killed in an invocation answers Runtime.ExitError and names the signal."""
    failure = edge.failure("answers.die")

    assert "Runtime.ExitError" == failure["errorType"]
    assert failure["errorMessage"].endswith("Error: Runtime exited with error: signal: killed")


def test_a_function_recovers_from_a_crash(edge: Edge) -> None:
    """The invocation after a crash gets a new worker."""
    edge.register("recovering", "answers.leave", concurrency=1)

    for status in (1, 2):
        assert str(status) == edge.failure("recovering", {"status": status})["errorMessage"][-1]


def test_a_module_that_cannot_be_imported_answers_everybody(edge: Edge) -> None:
    """An init error answers each invocation that waits, at once."""
    edge.register("broken", "broken.handler")

    async def several() -> list[Result]:
        return await asyncio.gather(*(edge.functions.invoke("broken", b"{}") for _ in range(3)))

    for result in edge.run(several()):
        assert "Runtime.ImportModuleError" == json.loads(result.payload)["errorType"]
        assert b"module_that_nobody_wrote" in result.payload


def test_a_process_that_dies_at_import_answers(edge: Edge) -> None:
    """A worker that ends before it is ready answers Runtime.ExitError, and is not tried again."""
    edge.register("exiting", "exiting.handler")

    failure = edge.failure("exiting")

    assert "Runtime.ExitError" == failure["errorType"]
    assert failure["errorMessage"].endswith("exit status 4")


def test_a_missing_wrapper_is_named(edge: Edge) -> None:
    """A wrapper that lies in no layer answers Runtime.InvalidEntrypoint with its path."""
    edge.register("wrapped", "answers.echo", environment={"AWS_LAMBDA_EXEC_WRAPPER": "/opt/none"})

    failure = edge.failure("wrapped")

    assert "Runtime.InvalidEntrypoint" == failure["errorType"]
    assert "/opt/none is in no layer of wrapped" == failure["errorMessage"]


def test_too_much_memory_kills(edge: Edge) -> None:
    """A function that outgrows its memory is killed and answers Runtime.OutOfMemory."""
    edge.register("greedy", "answers.swell", memory_mb=64)

    failure = edge.failure("greedy", {"bytes": 100 * 1024 * 1024})

    assert "Runtime.OutOfMemory" == failure["errorType"]
    assert failure["errorMessage"].endswith("signal: killed")


def test_the_reserved_concurrency_throttles(edge: Edge) -> None:
    """At its reserved concurrency a function refuses further invocations, and counts them."""
    edge.register("reserved", "answers.sleep", concurrency=2)

    async def three() -> list[Result | BaseException]:
        payload = json.dumps({"seconds": 0.2}).encode()
        calls = (edge.functions.invoke("reserved", payload) for _ in range(3))
        return await asyncio.gather(*calls, return_exceptions=True)

    refused = [answer for answer in edge.run(three()) if isinstance(answer, TooManyRequests)]

    assert 1 == len(refused)
    assert 1 == edge.status("reserved").throttles
    assert edge.answer("reserved", {"seconds": 0})


def test_without_a_reservation_invocations_wait_their_turn(edge: Edge) -> None:
    """More invocations than workers are served first come, first served, and none is lost."""
    edge.register("queueing", "answers.sleep")

    async def many() -> list[int]:
        finished: list[int] = []

        async def one(order: int) -> None:
            payload = json.dumps({"seconds": 0.02, "order": order}).encode()
            answer = json.loads((await edge.functions.invoke("queueing", payload)).payload)
            finished.append(answer["order"])

        await asyncio.gather(*(one(order) for order in range(24)))
        return finished

    finished = edge.run(many())

    assert list(range(24)) == sorted(finished)
    assert all(abs(place - order) < 8 for place, order in enumerate(finished))
    assert 4 == edge.status("queueing").workers


def test_a_caller_that_gives_up_leaves_the_queue(edge: Edge) -> None:
    """An invocation that was cancelled before it began is never run."""
    edge.register("abandoned", "answers.sleep", concurrency=None)

    async def give_up() -> int:
        payload = json.dumps({"seconds": 0.3}).encode()
        calls = [asyncio.create_task(edge.functions.invoke("abandoned", payload)) for _ in range(8)]
        await asyncio.sleep(0)
        for call in calls[4:]:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        return edge.status("abandoned").waiting

    assert 0 == edge.run(give_up())


def test_workers_are_used_again(edge: Edge) -> None:
    """Invocations that follow each other run in one process."""
    edge.register("reused", "answers.describe")

    assert 1 == len({edge.answer("reused")["pid"] for _ in range(20)})


def test_payloads_have_limits(edge: Edge) -> None:
    """A request or an answer over 6 MB is refused, as on Lambda; the function goes on working."""
    with pytest.raises(PayloadTooBig):
        edge.invoke("answers.echo", "x" * 6_300_000)

    failure = edge.failure("answers.fill", {"bytes": 6_300_000})

    assert "Function.ResponseSizeTooLarge" == failure["errorType"]
    assert 6_000_000 == len(edge.answer("answers.fill", {"bytes": 6_000_000}))


def test_changed_code_is_loaded(edge: Edge, tmp_path: Path) -> None:
    """A change of a file takes effect with the next invocation, without a restart."""
    module = tmp_path / "changing.py"
    module.write_text("def handler(event, context):\n    return 'before'\n")
    edge.register("changing", "changing.handler", code_dir=tmp_path)
    assert "before" == edge.answer("changing")
    time.sleep(0.6)

    module.write_text("def handler(event, context):\n    return 'after'\n")

    assert eventually(lambda: "after" == edge.answer("changing") or None, within_s=3)


def test_a_busy_worker_finishes_before_its_code_changes(edge: Edge, tmp_path: Path) -> None:
    """A change of code does not disturb the invocation that runs."""
    module = tmp_path / "module.py"
    code = "import time\ndef handler(event, context):\n    time.sleep(1.2)\n    return {0}\n"
    module.write_text(code.format(1))
    edge.register("changed", "module.handler", code_dir=tmp_path)
    time.sleep(0.6)
    running = asyncio.run_coroutine_threadsafe(edge.functions.invoke("changed", b"{}"), edge.loop)
    time.sleep(0.3)

    module.write_text(code.format(22))

    assert b"1" == running.result(timeout=10).payload
    assert 22 == edge.answer("changed")


def test_a_function_can_be_warmed(edge: Edge) -> None:
    """A warmed function has a worker that is ready."""
    edge.register("warmed", "answers.echo")

    edge.run(edge.functions.warm("warmed"))

    assert (1, 0) == (edge.status("warmed").workers, edge.status("warmed").invocations)


def test_output_is_logged_with_its_request(edge: Edge) -> None:
    """Lines a function prints, JSON or plain, reach the log before the report of their request."""
    spoken = ["plain words", '{"level":"WARNING","message":"structured","run_id":"7"}']
    edge.register("speaking", "answers.speak")

    result = edge.invoke("speaking", {"lines": spoken})

    report = eventually(lambda: _reports(edge, "speaking"))[0]
    plain, structured = (entry for entry in edge.log("speaking") if "type" not in entry)
    assert ("INFO", "plain words") == (plain["level"], plain["message"])
    assert ("WARNING", "7") == (structured["level"], structured["run_id"])
    assert {result.request_id} == {entry["request_id"] for entry in (plain, structured, report)}
    assert {"tests"} == {entry["service"] for entry in (plain, structured, report)}
    assert "success" == report["record"]["status"]
    assert report["record"]["initDurationMs"] > 0


def _reports(edge: Edge, function: str) -> list[dict[str, Any]]:
    return [entry for entry in edge.log(function) if "platform.report" == entry.get("type")]


def test_failures_are_reported(edge: Edge) -> None:
    """The log names the error type of a failed invocation at the level ERROR."""
    edge.register("failing", "answers.fail")

    edge.failure("failing", {"message": "no pears"})

    report = eventually(lambda: _reports(edge, "failing"))[0]
    assert ("ERROR", "OutOfStock") == (report["level"], report["record"]["status"])
