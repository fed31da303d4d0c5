"""`lambda.invoke` and asynchronous invocation."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from orchstack.local.async_invocations import AsyncConfig
from orchstack.local.functions.model import Result, TooManyRequests
from tests.local.kit import Cloud, FunctionFailed, eventually, queue_arn


def _fail(_event: Any) -> Any:
    raise FunctionFailed("Broken")


def test_invoke_runs_the_function(cloud: Cloud) -> None:
    """The caller gets what the function returns, not its own payload."""
    cloud.function("double", lambda event: event["n"] * 2)
    answer = cloud.client("lambda").invoke(FunctionName="double", Payload=b'{"n": 4}')
    assert (200, 8) == (answer["StatusCode"], json.load(answer["Payload"]))


def test_a_failing_function_is_an_answer_with_the_error_header(cloud: Cloud) -> None:
    """FunctionError is set and the payload carries the error type unchanged."""
    cloud.function("fail", _fail)
    answer = cloud.client("lambda").invoke(FunctionName="fail", Payload=b"{}")
    assert "Unhandled" == answer["FunctionError"]
    assert "Broken" == json.load(answer["Payload"])["errorType"]


def test_an_unknown_function_is_refused(cloud: Cloud) -> None:
    """A name that nobody registered gives ResourceNotFoundException."""
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        cloud.client("lambda").invoke(FunctionName="nobody", Payload=b"{}")


def test_a_throttled_function_answers_429(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the concurrency limit the caller gets TooManyRequestsException."""

    def throttled(_name: str, _payload: bytes) -> Result:
        raise TooManyRequests

    cloud.function("busy", lambda event: event)
    monkeypatch.setattr(cloud, "invoke", throttled)
    with pytest.raises(ClientError) as refused:
        cloud.client("lambda").invoke(FunctionName="busy", Payload=b"{}")
    assert "TooManyRequestsException" == refused.value.response["Error"]["Code"]
    assert 429 == refused.value.response["ResponseMetadata"]["HTTPStatusCode"]


def test_an_event_invocation_does_not_wait(cloud: Cloud) -> None:
    """InvocationType Event answers 202 at once and runs the function afterwards."""
    seen: list[Any] = []
    cloud.function("note", seen.append)
    answer = cloud.client("lambda").invoke(
        FunctionName="note", InvocationType="Event", Payload=b'{"n": 1}'
    )
    assert 202 == answer["StatusCode"]
    assert [{"n": 1}] == eventually(lambda: seen)


def test_a_failing_event_invocation_is_tried_three_times_and_then_reported(cloud: Cloud) -> None:
    """After two more tries the on-failure queue and the dead-letter queue have the event."""
    calls: list[Any] = []

    def fail(event: Any) -> Any:
        calls.append(event)
        return _fail(event)

    failed, dead = cloud.queue("failed"), cloud.queue("dead")
    cloud.function("fail", fail)
    config = AsyncConfig(on_failure=queue_arn("failed"), dead_letter=queue_arn("dead"))
    cloud.asynchronous.register("fail", config)
    cloud.client("lambda").invoke(FunctionName="fail", InvocationType="Event", Payload=b'{"n":1}')
    (report,) = cloud.received(failed)
    body = json.loads(report["Body"])
    assert ("RetriesExhausted", 3) == (
        body["requestContext"]["condition"],
        body["requestContext"]["approximateInvokeCount"],
    )
    assert ({"n": 1}, "Broken") == (body["requestPayload"], body["responsePayload"]["errorType"])
    assert '{"n":1}' == cloud.received(dead)[0]["Body"]
    assert 3 == len(calls)
