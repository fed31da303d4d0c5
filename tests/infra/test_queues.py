"""What waits is never lost: queues, rules and schedules."""

from __future__ import annotations

from tests.infra.assembly import Assembly, Resource, listed, render


def _dead(assembly: Assembly) -> set[str]:
    """Give the dead-letter queues: of queues, and of schedules."""
    queues = [queue.properties.get("RedrivePolicy") for queue in assembly.of("AWS::SQS::Queue")]
    schedules = assembly.of("AWS::Scheduler::Schedule")
    arns = [
        *(policy["deadLetterTargetArn"] for policy in queues if policy),
        *(schedule.properties["Target"]["DeadLetterConfig"]["Arn"] for schedule in schedules),
    ]
    return {str(arn["Fn::GetAtt"][0]) for arn in arns}


def _alive(assembly: Assembly) -> list[Resource]:
    dead = _dead(assembly)
    return [queue for queue in assembly.of("AWS::SQS::Queue") if queue.id not in dead]


def _alarmed(assembly: Assembly, metric: str) -> set[str]:
    return {
        dimension["Value"]["Fn::GetAtt"][0]
        for alarm in assembly.of("AWS::CloudWatch::Alarm")
        if alarm.properties["MetricName"] == metric and alarm.properties["AlarmActions"]
        for dimension in alarm.properties["Dimensions"]
    }


def test_every_queue_has_dead_letters(assembly: Assembly) -> None:
    """A message that fails five times leaves its queue for one of its own."""
    for queue in _alive(assembly):
        assert 5 == queue.properties["RedrivePolicy"]["maxReceiveCount"]


def test_every_queue_is_watched(assembly: Assembly) -> None:
    """The first dead letter raises an alarm, and so does a message that waits too long."""
    assert _dead(assembly) == _alarmed(assembly, "ApproximateNumberOfMessagesVisible")
    assert {queue.id for queue in _alive(assembly)} == _alarmed(
        assembly, "ApproximateAgeOfOldestMessage"
    )


def test_every_queue_has_one_consumer(assembly: Assembly) -> None:
    """One function takes each queue's messages and says which of a batch failed."""
    sources = assembly.of("AWS::Lambda::EventSourceMapping")

    assert sorted(queue.id for queue in _alive(assembly)) == sorted(
        source.properties["EventSourceArn"]["Fn::GetAtt"][0] for source in sources
    )
    for source in sources:
        assert ["ReportBatchItemFailures"] == source.properties["FunctionResponseTypes"]


def test_messages_stay_hidden_while_they_are_worked_on(assembly: Assembly) -> None:
    """A queue hides a message for six of its consumer's timeouts, as AWS advises."""
    for source in assembly.of("AWS::Lambda::EventSourceMapping"):
        queue = assembly.get(source.properties["EventSourceArn"]["Fn::GetAtt"][0])
        consumer = assembly.get(source.properties["FunctionName"]["Ref"])

        assert queue.properties["VisibilityTimeout"] >= 6 * consumer.properties["Timeout"]


def test_consumers_stay_below_their_concurrency(assembly: Assembly) -> None:
    """A queue does not take more of its consumer than the consumer has reserved."""
    for source in assembly.of("AWS::Lambda::EventSourceMapping"):
        consumer = assembly.get(source.properties["FunctionName"]["Ref"])
        limit = source.properties["ScalingConfig"]["MaximumConcurrency"]

        assert limit <= consumer.properties["ReservedConcurrentExecutions"]


def test_queues_are_encrypted_and_refuse_plain_text(assembly: Assembly) -> None:
    """Every queue is encrypted at rest and denies whoever comes without TLS."""
    denied = {
        render(statement["Resource"]).strip("<>").split(".")[0]
        for policy in assembly.of("AWS::SQS::QueuePolicy")
        for statement in policy.properties["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny"
        and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    }
    queues = assembly.of("AWS::SQS::Queue")

    assert {queue.id for queue in queues} == denied
    assert all(queue.properties["SqsManagedSseEnabled"] for queue in queues)


def test_every_rule_target_has_dead_letters(assembly: Assembly) -> None:
    """An event that cannot be delivered is kept, not dropped."""
    for rule in assembly.of("AWS::Events::Rule"):
        for target in listed(rule.properties["Targets"]):
            assert target["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0] in _dead(assembly)


def test_events_reach_their_queues(dev: Assembly) -> None:
    """Ended runs go to their outcomes, and everything of ours to the sockets."""
    patterns = [rule.properties["EventPattern"] for rule in dev.of("AWS::Events::Rule")]

    assert {"source": [{"prefix": "orchstack."}]} in patterns
    assert {
        "detail-type": [
            "agent_runtime.RunCompleted.v1",
            "agent_runtime.RunFailed.v1",
            "agent_runtime.RunCancelled.v1",
        ]
    } in patterns


def test_what_was_lost_is_swept_up(assembly: Assembly) -> None:
    """Relay and sweeper: each minute in prod, hourly in dev, whose database sleeps."""
    expected = {"dev": "rate(1 hour)", "prod": "rate(1 minute)"}[assembly.stage.name]
    swept = {
        assembly.get(schedule.properties["Target"]["Arn"]["Fn::GetAtt"][0]).properties["Handler"]
        for schedule in assembly.of("AWS::Scheduler::Schedule")
        if schedule.properties["ScheduleExpression"] == expected
    }

    assert {"relay_outbox.handler", "sweep_runs.handler"} <= swept
