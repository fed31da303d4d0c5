"""SQS, SNS, EventBridge and its Scheduler."""

from __future__ import annotations

import json

from orchstack.kernel.plain import JsonObject
from orchstack.local.failures import CannotDeploy
from orchstack.local.intrinsics import text
from orchstack.local.resources.model import (
    Emulated,
    Providers,
    Site,
    arn,
    chosen,
    physical_name,
)
from orchstack.local.template import ACCOUNT, Created, Resource

_QUEUE_ATTRIBUTES = (
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "DelaySeconds",
    "FifoQueue",
    "FifoThroughputLimit",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds",
    "RedrivePolicy",
    "VisibilityTimeout",
)


def _queue(site: Site, resource: Resource) -> Created:
    name = physical_name(resource, "QueueName", 75)
    if resource.properties.get("FifoQueue") and not name.endswith(".fifo"):
        name += ".fifo"
    attributes = {
        key: json.dumps(value) if isinstance(value, dict) else text(value)
        for key, value in chosen(resource.properties, *_QUEUE_ATTRIBUTES).items()
    }
    answer = site.clients.get("sqs").create_queue(QueueName=name, Attributes=attributes)
    url = answer["QueueUrl"]
    return Created(url, {"Arn": arn("sqs", name), "QueueName": name, "QueueUrl": url})


def _topic(site: Site, resource: Resource) -> Created:
    name = physical_name(resource, "TopicName", 256)
    topic = site.clients.get("sns").create_topic(Name=name)["TopicArn"]
    return Created(topic, {"TopicArn": topic, "TopicName": name})


def _subscription(site: Site, resource: Resource) -> Created:
    properties = resource.properties
    if properties["Protocol"] == "lambda":
        raise CannotDeploy(f"{resource}: a topic cannot feed a function here; put a queue between")
    answer = site.clients.get("sns").subscribe(
        TopicArn=properties["TopicArn"],
        Protocol=properties["Protocol"],
        Endpoint=properties["Endpoint"],
        ReturnSubscriptionArn=True,
    )
    return Created(answer["SubscriptionArn"], {"Arn": answer["SubscriptionArn"]})


def _bus(site: Site, resource: Resource) -> Created:
    name = resource.properties["Name"]
    site.clients.get("events").create_event_bus(Name=name)
    return Created(name, {"Arn": arn("events", f"event-bus/{name}"), "Name": name})


def _rule(site: Site, resource: Resource) -> Created:
    properties = resource.properties
    name = physical_name(resource, "Name", 64)
    bus = str(properties.get("EventBusName", "default")).rsplit("/", 1)[-1]
    rule: JsonObject = chosen(properties, "ScheduleExpression", "State")
    if "EventPattern" in properties:
        rule["EventPattern"] = json.dumps(properties["EventPattern"])
    client = site.clients.get("events")
    rule_arn = client.put_rule(Name=name, EventBusName=bus, **rule)["RuleArn"]
    if properties.get("Targets"):
        client.put_targets(Rule=name, EventBusName=bus, Targets=properties["Targets"])
    return Created(name if bus == "default" else f"{bus}|{name}", {"Arn": rule_arn})


def _archive(site: Site, resource: Resource) -> Created:
    properties = resource.properties
    name = physical_name(resource, "ArchiveName", 48)
    settings: JsonObject = chosen(properties, "Description", "RetentionDays")
    if "EventPattern" in properties:
        settings["EventPattern"] = json.dumps(properties["EventPattern"])
    answer = site.clients.get("events").create_archive(
        ArchiveName=name, EventSourceArn=properties["SourceArn"], **settings
    )
    return Created(name, {"Arn": answer["ArchiveArn"], "ArchiveName": name})


def _schedule_group(site: Site, resource: Resource) -> Created:
    name = physical_name(resource, "Name", 64)
    site.clients.get("scheduler").create_schedule_group(Name=name)
    return Created(name, {"Arn": arn("scheduler", f"schedule-group/{name}")})


def _schedule(site: Site, resource: Resource) -> Created:
    name = physical_name(resource, "Name", 64)
    settings = chosen(
        resource.properties,
        "ActionAfterCompletion",
        "Description",
        "EndDate",
        "FlexibleTimeWindow",
        "GroupName",
        "ScheduleExpression",
        "ScheduleExpressionTimezone",
        "StartDate",
        "State",
        "Target",
    )
    target = {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/local", **settings.pop("Target")}
    site.clients.get("scheduler").create_schedule(Name=name, Target=target, **settings)
    group = resource.properties.get("GroupName", "default")
    return Created(name, {"Arn": arn("scheduler", f"schedule/{group}/{name}")})


PROVIDERS: Providers = {
    "AWS::SQS::Queue": Emulated(_queue, "messages end with the local cloud"),
    "AWS::SNS::Topic": Emulated(_topic),
    "AWS::SNS::Subscription": Emulated(_subscription, "queues and HTTP only; no mail is sent"),
    "AWS::Events::EventBus": Emulated(_bus),
    "AWS::Events::Rule": Emulated(
        _rule, "targets are functions, queues, state machines, buses and log groups"
    ),
    "AWS::Events::Archive": Emulated(_archive, "what it keeps ends with the local cloud"),
    "AWS::Scheduler::ScheduleGroup": Emulated(_schedule_group),
    "AWS::Scheduler::Schedule": Emulated(
        _schedule,
        "the first run of a rate comes one interval after the start; no flexible window, no "
        "universal targets; what was due while the local cloud was down is not made up for",
    ),
}
