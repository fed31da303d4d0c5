"""CloudFormation is always answered: with success, with the reason of a failure, in time."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from orchstack.kernel import custom_resource as module
from orchstack.kernel.custom_resource import custom_resource
from tests import make
from tests.cloudformation import CloudFormation
from tests.cloudformation import cloudformation as serving


@pytest.fixture
def cloudformation() -> Iterator[CloudFormation]:
    """A server that takes answers."""
    with serving() as server:
        yield server


def _change(properties: Mapping[str, Any]) -> dict[str, str]:
    return {"applied": str(properties["version"])}


def _fail(_properties: Mapping[str, Any]) -> dict[str, str]:
    raise RuntimeError("no way in: postgresql://postgres:hunter2@db/orchstack " + "x" * 5_000)


@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_a_change_is_answered_with_its_data(cloudformation: CloudFormation, kind: str) -> None:
    """The answer carries the request's ids, a stable physical id and the data."""
    custom_resource(_change)(cloudformation.request(kind), make.LambdaContext())
    assert [
        {
            "Status": "SUCCESS",
            "Data": {"applied": "7"},
            "StackId": "stack",
            "RequestId": "request",
            "LogicalResourceId": "Schema",
            "PhysicalResourceId": "Schema",
        }
    ] == cloudformation.answers
    assert [""] == cloudformation.content_types


def test_a_deletion_changes_nothing(cloudformation: CloudFormation) -> None:
    """A stack that goes away is let go."""
    custom_resource(_fail)(cloudformation.request("Delete"), make.LambdaContext())
    assert ["SUCCESS"] == [answer["Status"] for answer in cloudformation.answers]


def test_a_failure_is_answered_with_its_reason(cloudformation: CloudFormation) -> None:
    """The reason is short and holds no secret."""
    custom_resource(_fail)(cloudformation.request("Update"), make.LambdaContext())
    (answer,) = cloudformation.answers
    assert "FAILED" == answer["Status"]
    assert answer["Reason"].startswith("RuntimeError: no way in")
    assert "hunter2" not in answer["Reason"]
    assert len(answer["Reason"]) <= 500


def test_a_malformed_request_is_answered(cloudformation: CloudFormation) -> None:
    """Even a request without a type gets its answer."""
    request = cloudformation.request("Create")
    del request["RequestType"]
    custom_resource(_change)(request, make.LambdaContext())
    assert ["FAILED"] == [answer["Status"] for answer in cloudformation.answers]


def test_time_running_out_is_answered_once(cloudformation: CloudFormation) -> None:
    """Before Lambda ends the function, CloudFormation is told; a late success is not sent too."""
    answered = threading.Event()

    def slow(_properties: Mapping[str, Any]) -> dict[str, str]:
        while not cloudformation.answers:
            answered.wait(0.01)
        return {}

    custom_resource(slow)(cloudformation.request("Create"), make.LambdaContext(5_050))
    (answer,) = cloudformation.answers
    assert ("FAILED", "the function ran out of time") == (answer["Status"], answer["Reason"])


def test_an_answer_that_is_not_taken_is_sent_again(
    cloudformation: CloudFormation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bucket that is down for a moment does not cost an hour of waiting."""
    monkeypatch.setattr(module, "_PAUSE_S", 0.01)
    cloudformation.failures = 2
    custom_resource(_change)(cloudformation.request("Create"), make.LambdaContext())
    assert ["SUCCESS"] == [answer["Status"] for answer in cloudformation.answers]
