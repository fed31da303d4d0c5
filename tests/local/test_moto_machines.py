"""State machines in the mended interpreter."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from orchstack.local.state import parsing
from tests.local.kit import Cloud, FunctionFailed, eventually

_INVOKE = "arn:aws:states:::lambda:invoke"


def _single(**state: Any) -> dict[str, Any]:
    return {"StartAt": "Only", "States": {"Only": {"End": True, **state}}}


def _invoke(function: str, suffix: str = "", **more: Any) -> dict[str, Any]:
    parameters = {"FunctionName": function, "Payload.$": "$"}
    return {"Type": "Task", "Resource": _INVOKE + suffix, "Parameters": parameters, **more}


def test_a_task_runs_the_function_and_retries_by_its_error_type(cloud: Cloud) -> None:
    """The function's own error type decides which Retry and Catch match."""
    calls: list[Any] = []

    def flaky(event: Any) -> Any:
        calls.append(event)
        raise FunctionFailed("Busy" if len(calls) == 1 else "Fatal")

    retry = [{"ErrorEquals": ["Busy"], "IntervalSeconds": 1, "MaxAttempts": 2}]
    catch = [{"ErrorEquals": ["Fatal"], "Next": "Caught", "ResultPath": "$.error"}]
    task = _invoke(cloud.function("flaky", flaky), Retry=retry, Catch=catch, Next="Caught")
    machine = cloud.machine(
        "m", StartAt="Task", States={"Task": task, "Caught": {"Type": "Succeed"}}
    )
    ended = cloud.run(machine, n=1)
    assert "SUCCEEDED" == ended["status"]
    assert "Fatal" == json.loads(ended["output"])["error"]["Error"]
    assert 2 == len(calls)


def test_jsonata_is_evaluated(cloud: Cloud) -> None:
    """A JSONata machine computes its output."""
    machine = cloud.machine(
        "m",
        QueryLanguage="JSONata",
        **_single(Type="Pass", Output={"sum": "{% $sum($states.input.items) %}"}),
    )
    assert {"sum": 6} == json.loads(cloud.run(machine, items=[1, 2, 3])["output"])


def test_a_jsonata_mistake_fails_the_execution(cloud: Cloud) -> None:
    """An expression that cannot be evaluated gives States.QueryEvaluationError."""
    machine = cloud.machine(
        "m", QueryLanguage="JSONata", **_single(Type="Pass", Output="{% $sum('x') %}")
    )
    ended = cloud.run(machine)
    assert ("FAILED", "States.QueryEvaluationError") == (ended["status"], ended["error"])


def test_machines_of_both_languages_are_parsed_side_by_side(cloud: Cloud) -> None:
    """Twelve threads that start JSONPath and JSONata machines all see them end well."""
    plain = cloud.machine("plain", **_single(Type="Pass", Parameters={"x.$": "$.n"}))
    jsonata = cloud.machine(
        "jsonata", QueryLanguage="JSONata", **_single(Type="Pass", Output="{% $states.input %}")
    )

    def run(number: int) -> str:
        parsing._parse_alone.cache_clear()
        return str(cloud.run(jsonata if number % 2 else plain, n=number)["status"])

    with ThreadPoolExecutor(12) as pool:
        assert {"SUCCEEDED"} == set(pool.map(run, range(36)))


def test_a_map_visits_every_item_in_order(cloud: Cloud) -> None:
    """An inline Map calls the function for each item and keeps the order of the results."""
    task = {**_invoke(cloud.function("double", lambda event: event * 2)), "End": True}
    task["ResultSelector"] = {"n.$": "$.Payload"}
    processor = {"StartAt": "Each", "States": {"Each": task}}
    machine = cloud.machine(
        "m", **_single(Type="Map", ItemsPath="$.items", ItemProcessor=processor)
    )
    ended = cloud.run(machine, items=[1, 2, 3])
    assert [{"n": 2}, {"n": 4}, {"n": 6}] == json.loads(ended["output"])


def test_a_task_token_is_waited_for(cloud: Cloud) -> None:
    """The execution goes on with what SendTaskSuccess brings."""
    tokens: list[str] = []
    function = cloud.function("ask", lambda event: tokens.append(event["token"]))
    task = _invoke(function, ".waitForTaskToken")
    task["Parameters"]["Payload"] = {"token.$": "$$.Task.Token"}
    del task["Parameters"]["Payload.$"]
    machine = cloud.machine("m", **_single(**task))
    client = cloud.client("stepfunctions")
    arn = client.start_execution(stateMachineArn=machine)["executionArn"]
    token = eventually(lambda: tokens)[0]
    client.send_task_success(taskToken=token, output='{"answer": "yes"}')
    assert {"answer": "yes"} == json.loads(cloud.ended(arn)["output"])


def test_a_lost_heartbeat_has_its_own_name(cloud: Cloud) -> None:
    """A task that sends no heartbeat fails with States.HeartbeatTimeout, not States.Timeout."""
    task = _invoke(
        cloud.function("silent", lambda event: event),
        ".waitForTaskToken",
        HeartbeatSeconds=1,
        TimeoutSeconds=30,
        Catch=[{"ErrorEquals": ["States.HeartbeatTimeout"], "Next": "Lost"}],
        Next="Lost",
    )
    task["Parameters"]["Payload"] = {"token.$": "$$.Task.Token"}
    machine = cloud.machine("m", StartAt="Task", States={"Task": task, "Lost": {"Type": "Succeed"}})
    ended = cloud.run(machine)
    assert "SUCCEEDED" == ended["status"]
    assert "States.HeartbeatTimeout" == json.loads(ended["output"])["Error"]


def test_a_synchronous_start_waits_for_the_output(cloud: Cloud) -> None:
    """StartSyncExecution answers with the output of an Express machine, or with its error."""
    client = cloud.client("stepfunctions")
    good = cloud.machine("good", "EXPRESS", **_single(Type="Pass", Result={"done": True}))
    failing = {"Type": "Fail", "Error": "No", "Cause": "planned"}
    bad = cloud.machine("bad", "EXPRESS", StartAt="F", States={"F": failing})
    answer = client.start_sync_execution(stateMachineArn=good, input="{}")
    assert ("SUCCEEDED", {"done": True}) == (answer["status"], json.loads(answer["output"]))
    answer = client.start_sync_execution(stateMachineArn=bad)
    assert ("FAILED", "No", "planned") == (answer["status"], answer["error"], answer["cause"])


def test_parameters_are_converted_to_what_the_service_takes(cloud: Cloud) -> None:
    """An aws-sdk task takes PascalCase names and objects for bodies, and answers in PascalCase."""
    cloud.client("s3").create_bucket(Bucket="bucket")
    put = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:s3:putObject",
        "Parameters": {"Bucket": "bucket", "Key": "k", "Body.$": "$"},
        "ResultPath": None,
        "Next": "Get",
    }
    get = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:s3:getObject",
        "Parameters": {"Bucket": "bucket", "Key": "k"},
        "ResultSelector": {"body.$": "$.Body"},
        "End": True,
    }
    ended = cloud.run(cloud.machine("m", StartAt="Put", States={"Put": put, "Get": get}), n=1)
    assert {"body": '{"n":1}'} == json.loads(ended["output"])


def test_a_nested_machine_is_waited_for(cloud: Cloud) -> None:
    """startExecution.sync:2 ends with the child's output as an object."""
    child = cloud.machine("child", **_single(Type="Pass", Result={"child": 1}))
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Parameters": {"StateMachineArn": child, "Input": {"x": 1}},
        "ResultSelector": {"output.$": "$.Output"},
    }
    ended = cloud.run(cloud.machine("parent", **_single(**task)))
    assert {"output": {"child": 1}} == json.loads(ended["output"])


def test_the_end_of_an_execution_is_announced(cloud: Cloud) -> None:
    """A rule on the default bus receives the status change of an execution that failed."""
    events = cloud.client("events")
    pattern = {"source": ["aws.states"], "detail": {"status": ["FAILED"]}}
    events.put_rule(Name="r", EventPattern=json.dumps(pattern))
    seen: list[Any] = []
    function = cloud.function("note", seen.append)
    events.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": function}])
    arn = cloud.run(cloud.machine("m", StartAt="F", States={"F": {"Type": "Fail", "Error": "No"}}))[
        "executionArn"
    ]
    event = eventually(lambda: seen)[0]
    assert ("Step Functions Execution Status Change", arn, "No") == (
        event["detail-type"],
        event["detail"]["executionArn"],
        event["detail"]["error"],
    )


def test_threads_of_ended_executions_are_let_go(cloud: Cloud) -> None:
    """The interpreter's list of threads does not grow with every execution."""
    from moto.stepfunctions.parser.asl.component.program import program

    machine = cloud.machine("m", **_single(Type="Pass"))
    for _ in range(20):
        cloud.run(machine)
    assert len(program.TMP_THREADS) <= threading.active_count()
