"""EventBridge: which events reach which targets, and as what."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchstack.local.rendering import render
from tests.local.kit import Cloud, eventually, queue_arn

_EVENT = {
    "source": "shop",
    "detail-type": "Sold",
    "time": "2026-01-01T00:00:00Z",
    "detail": {"id": 7, "name": 'a "b"', "tags": ["x", "y"]},
}
_RULE = "arn:aws:events:us-east-1:000000000000:rule/bus/r"

_ID, _NAME = "$.detail.id", "$.detail.name"


def _transform(template: str, **paths: str) -> dict[str, Any]:
    return {"InputTransformer": {"InputTemplate": template, "InputPathsMap": paths}}


@pytest.mark.parametrize(
    ("expected", "target"),
    [
        (_EVENT, {}),
        ({"fixed": 1}, {"Input": '{"fixed": 1}'}),
        (7, {"InputPath": "$.detail.id"}),
        ("y", {"InputPath": "$.detail.tags[1]"}),
        ({"n": 7, "s": 'a "b"'}, _transform('{"n": <i>, "s": <s>}', i=_ID, s=_NAME)),
        ('No 7: a "b"', _transform('"No <i>: <s>"', i=_ID, s=_NAME)),
        ({"tags": ["x", "y"]}, _transform('{"tags": <t>}', t="$.detail.tags")),
        ({"rule": "r"}, _transform('{"rule": "<aws.events.rule-name>"}')),
        ({"none": None}, _transform('{"none": <x>}', x="$.no")),
        ({"all": _EVENT}, _transform('{"all": <aws.events.event.json>}')),
        ({"kept": "<unknown>"}, _transform('{"kept": "<unknown>"}')),
    ],
)  # fmt: skip
def test_a_target_gets_the_input_it_asks_for(expected: Any, target: dict[str, Any]) -> None:
    """Input, InputPath and InputTransformer shape what is delivered; nothing else is touched."""
    assert expected == json.loads(render(target, _EVENT, _RULE))


def _rule(cloud: Cloud, name: str, target: dict[str, Any], **settings: Any) -> None:
    events = cloud.client("events")
    pattern = json.dumps({"source": ["shop"], "detail": {"id": [{"numeric": [">", 5]}]}})
    rule = {"EventPattern": pattern, **settings}
    events.put_rule(Name=name, **{key: value for key, value in rule.items() if value})
    events.put_targets(Rule=name, Targets=[{"Id": "1", **target}])


def _sell(cloud: Cloud, number: int) -> None:
    entry = {"Source": "shop", "DetailType": "Sold", "Detail": json.dumps({"id": number})}
    cloud.client("events").put_events(Entries=[entry])


def test_a_matching_event_reaches_the_function(cloud: Cloud) -> None:
    """Only events that fit the pattern arrive, with AWS's fields and an ISO time."""
    seen: list[Any] = []
    _rule(cloud, "r", {"Arn": cloud.function("note", seen.append)})
    _sell(cloud, 3)
    _sell(cloud, 9)
    (event,) = eventually(lambda: seen)
    assert ({"id": 9}, "Sold", "shop") == (event["detail"], event["detail-type"], event["source"])
    assert event["time"].endswith("Z")
    assert "ingestion-time" not in event


def test_a_matching_event_reaches_the_queue_and_the_machine(cloud: Cloud) -> None:
    """A queue receives the event as its message, a state machine as its input."""
    url = cloud.queue("sold")
    machine = cloud.machine("m", StartAt="P", States={"P": {"Type": "Pass", "End": True}})
    _rule(cloud, "to-queue", {"Arn": queue_arn("sold"), "InputPath": "$.detail"})
    _rule(cloud, "to-machine", {"Arn": machine, "InputPath": "$.detail", "RoleArn": "arn:x"})
    _sell(cloud, 9)
    assert {"id": 9} == json.loads(cloud.received(url)[0]["Body"])
    client = cloud.client("stepfunctions")
    execution = eventually(lambda: client.list_executions(stateMachineArn=machine)["executions"])[0]
    assert {"id": 9} == json.loads(cloud.ended(execution["executionArn"])["output"])


@pytest.mark.parametrize(
    "settings",
    [{"State": "DISABLED"}, {"EventPattern": "", "ScheduleExpression": "rate(1 day)"}],
)
def test_a_rule_that_is_disabled_or_only_scheduled_matches_nothing(
    cloud: Cloud, settings: dict[str, Any]
) -> None:
    """Events pass by a disabled rule and one that has a schedule but no pattern."""
    silent, url = cloud.queue("silent"), cloud.queue("sold")
    _rule(cloud, "off", {"Arn": queue_arn("silent")}, **settings)
    _rule(cloud, "on", {"Arn": queue_arn("sold")})
    _sell(cloud, 9)
    assert cloud.received(url)
    assert [] == cloud.received(silent, 0)


def test_what_cannot_be_delivered_goes_to_the_dead_letter_queue(cloud: Cloud) -> None:
    """A target that does not exist leaves the event in its dead-letter queue, with the reason."""
    dead = cloud.queue("dead")
    missing = "arn:aws:lambda:us-east-1:000000000000:function:missing"
    _rule(cloud, "r", {"Arn": missing, "DeadLetterConfig": {"Arn": queue_arn("dead")}})
    _sell(cloud, 9)
    (letter,) = cloud.received(dead)
    reasons = {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}
    assert {"id": 9} == json.loads(letter["Body"])["detail"]
    assert missing == reasons["TARGET_ARN"]
    assert reasons["RULE_ARN"].endswith("rule/r")
    assert "missing" in reasons["ERROR_MESSAGE"]


def test_events_travel_from_bus_to_bus_and_are_archived(cloud: Cloud) -> None:
    """A rule may forward to another bus; an archive counts what passed."""
    events = cloud.client("events")
    bus = events.create_event_bus(Name="other")["EventBusArn"]
    events.create_archive(ArchiveName="all", EventSourceArn=bus)
    url = cloud.queue("far")
    _rule(cloud, "near", {"Arn": bus, "RoleArn": "arn:x"})
    events.put_rule(Name="far", EventBusName="other", EventPattern='{"source": ["shop"]}')
    events.put_targets(
        Rule="far", EventBusName="other", Targets=[{"Id": "1", "Arn": queue_arn("far")}]
    )
    _sell(cloud, 9)
    assert cloud.received(url)
    assert 1 == events.describe_archive(ArchiveName="all")["EventCount"]
