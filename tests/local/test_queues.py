"""SQS as an event source: batches, failures, order and dead letters."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from orchstack.local import queues
from orchstack.local.functions.model import Result, TooManyRequests
from orchstack.local.queues import EventSource, QueueConsumer
from tests.local.kit import Cloud, FunctionFailed, eventually, queue_arn

Consume = Callable[..., None]


@pytest.fixture
def consume(cloud: Cloud) -> Iterator[Consume]:
    """Feed a handler from a queue; consumers stop with the test."""
    consumers: list[QueueConsumer] = []

    def start(queue: str, handler: Callable[[Any], Any], **settings: Any) -> None:
        cloud.handlers[queue] = handler
        source = EventSource(queue_arn=queue_arn(queue), function_name=queue, **settings)
        consumers.append(QueueConsumer(source, cloud.invoke))
        consumers[-1].start()

    yield start
    for consumer in consumers:
        consumer.stop()


def _send(cloud: Cloud, url: str, *bodies: str, **more: str) -> None:
    for body in bodies:
        cloud.client("sqs").send_message(QueueUrl=url, MessageBody=body, **more)


def _bodies(event: Any) -> list[str]:
    return [record["body"] for record in event["Records"]]


def _depth(name: str) -> dict[str, Any]:
    return next(depth for depth in queues.depths() if depth["name"] == name)


def _is_empty(name: str) -> bool:
    depth = _depth(name)
    return not depth["visible"] + depth["in_flight"] + depth["delayed"]


def test_a_message_reaches_the_function_and_is_deleted(cloud: Cloud, consume: Consume) -> None:
    """The record has what Lambda's has; what succeeded leaves the queue."""
    seen: list[Any] = []
    url = cloud.queue("q")
    consume("q", seen.append)
    attribute = {"kind": {"DataType": "String", "StringValue": "test"}}
    cloud.client("sqs").send_message(QueueUrl=url, MessageBody="x", MessageAttributes=attribute)
    (record,) = eventually(lambda: seen)[0]["Records"]
    assert ("x", "aws:sqs", queue_arn("q")) == (
        record["body"],
        record["eventSource"],
        record["eventSourceARN"],
    )
    assert "test" == record["messageAttributes"]["kind"]["stringValue"]
    assert "1" == record["attributes"]["ApproximateReceiveCount"]
    assert eventually(lambda: _is_empty("q"))


def test_a_window_gathers_a_batch(cloud: Cloud, consume: Consume) -> None:
    """Messages that come within the window arrive together, at most BatchSize at once."""
    seen: list[Any] = []
    url = cloud.queue("q")
    consume("q", lambda event: seen.append(_bodies(event)), window_s=0.5, batch_size=3)
    _send(cloud, url, "1", "2", "3", "4")
    eventually(lambda: len(seen) == 2)
    assert [["1", "2", "3"], ["4"]] == seen


def test_a_delayed_message_comes_when_its_delay_is_over(cloud: Cloud, consume: Consume) -> None:
    """A waiting consumer wakes for a delayed message without polling for it."""
    seen: list[float] = []
    url = cloud.queue("q", DelaySeconds="1")
    consume("q", lambda _event: seen.append(time.monotonic()))
    began = time.monotonic()
    _send(cloud, url, "x")
    assert 0.9 < eventually(lambda: seen)[0] - began < 2


def test_only_the_reported_messages_come_again(cloud: Cloud, consume: Consume) -> None:
    """With ReportBatchItemFailures the others are deleted, the reported go to the dead letters."""
    seen: list[list[str]] = []

    def handle(event: Any) -> Any:
        seen.append(_bodies(event))
        bad = [r["messageId"] for r in event["Records"] if r["body"] == "bad"]
        return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in bad]}

    dead = cloud.queue("dead")
    policy = {"deadLetterTargetArn": queue_arn("dead"), "maxReceiveCount": 2}
    url = cloud.queue("q", VisibilityTimeout="1", RedrivePolicy=json.dumps(policy))
    consume("q", handle, reports_failures=True, window_s=0.3)
    _send(cloud, url, "good", "bad")
    assert "bad" == cloud.received(dead)[0]["Body"]
    assert [["good", "bad"], ["bad"]] == seen
    assert _is_empty("q")


@pytest.mark.parametrize(
    "report",
    [
        {"batchItemFailures": [{"itemIdentifier": "nobody"}]},
        {"batchItemFailures": [{"itemIdentifier": ""}]},
        {"batchItemFailures": [{}]},
        {"batchItemFailures": "all"},
        "nonsense",
    ],
)
def test_a_malformed_report_fails_the_whole_batch(
    cloud: Cloud, consume: Consume, report: Any
) -> None:
    """Nothing is deleted when the function's report cannot be understood."""
    called: list[Any] = []

    def handle(event: Any) -> Any:
        called.append(event)
        return report

    url = cloud.queue("q", VisibilityTimeout="600")
    consume("q", handle, reports_failures=True)
    _send(cloud, url, "x")
    eventually(lambda: called)
    time.sleep(0.1)
    assert 1 == _depth("q")["in_flight"]


def test_a_failing_function_gets_its_batch_again(cloud: Cloud, consume: Consume) -> None:
    """An error of the function leaves every message for another try."""
    attempts: list[list[str]] = []

    def handle(event: Any) -> None:
        attempts.append(_bodies(event))
        if len(attempts) == 1:
            raise FunctionFailed("Planned")

    url = cloud.queue("q", VisibilityTimeout="1")
    consume("q", handle)
    _send(cloud, url, "x")
    eventually(lambda: len(attempts) == 2)
    assert [["x"], ["x"]] == attempts
    assert eventually(lambda: _is_empty("q"))


def test_a_throttled_function_is_asked_again(
    cloud: Cloud, consume: Consume, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the concurrency limit the batch waits; it does not count as received again."""
    seen: list[Any] = []
    refusals = iter([True, True, True])
    invoke = cloud.invoke

    def sometimes(name: str, payload: bytes) -> Result:
        if next(refusals, False):
            raise TooManyRequests
        return invoke(name, payload)

    url = cloud.queue("q")
    monkeypatch.setattr(cloud, "invoke", sometimes)
    consume("q", seen.append)
    _send(cloud, url, "x")
    record = eventually(lambda: seen)[0]["Records"][0]
    assert "1" == record["attributes"]["ApproximateReceiveCount"]


def test_a_group_of_a_fifo_queue_is_worked_off_in_order(cloud: Cloud, consume: Consume) -> None:
    """Within a group one batch is in flight at a time; groups do not wait for each other."""
    order: dict[str, list[str]] = {"a": [], "b": []}
    in_flight: dict[str, int] = {"a": 0, "b": 0}
    overlaps: list[str] = []

    def handle(event: Any) -> None:
        group = event["Records"][0]["attributes"]["MessageGroupId"]
        in_flight[group] += 1
        if in_flight[group] > 1:
            overlaps.append(group)
        time.sleep(0.02)
        order[group] += _bodies(event)
        in_flight[group] -= 1

    url = cloud.queue("q.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    consume("q.fifo", handle, batch_size=1)
    for number in range(8):
        for group in "ab":
            _send(cloud, url, f"{group}{number}", MessageGroupId=group)
    eventually(lambda: sum(map(len, order.values())) == 16)
    assert [f"a{number}" for number in range(8)] == order["a"]
    assert [f"b{number}" for number in range(8)] == order["b"]
    assert [] == overlaps


def test_no_more_batches_run_than_allowed(cloud: Cloud, consume: Consume) -> None:
    """MaximumConcurrency bounds how many batches of a queue are worked on at once."""
    running: list[int] = [0]
    most: list[int] = [0]
    lock = threading.Lock()

    def handle(_event: Any) -> None:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        time.sleep(0.05)
        with lock:
            running[0] -= 1

    url = cloud.queue("q")
    consume("q", handle, batch_size=1, max_concurrency=2)
    _send(cloud, url, *map(str, range(10)))
    assert eventually(lambda: _is_empty("q"))
    assert 2 == most[0]


def test_senders_and_consumers_lose_nothing(cloud: Cloud, consume: Consume) -> None:
    """Messages sent while others are deleted all arrive, each once."""
    seen: list[str] = []
    url = cloud.queue("q")
    consume("q", lambda event: seen.extend(_bodies(event)))
    senders = [
        threading.Thread(target=_send, args=(cloud, url, *(f"{n}-{i}" for i in range(40))))
        for n in range(4)
    ]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    eventually(lambda: len(seen) >= 160)
    assert 160 == len(set(seen)) == len(seen)


def test_dead_letters_go_back_to_their_queue(cloud: Cloud, consume: Consume) -> None:
    """A redrive moves every dead letter back, as if it had never been received."""
    dead = cloud.queue("dead")
    policy = {"deadLetterTargetArn": queue_arn("dead"), "maxReceiveCount": 1}
    cloud.queue("q", RedrivePolicy=json.dumps(policy))
    _send(cloud, dead, "1", "2")
    assert 2 == _depth("q")["dead_letters"]
    assert 2 == queues.redrive("q")
    seen: list[str] = []
    consume("q", lambda event: seen.extend(_bodies(event)))
    eventually(lambda: len(seen) == 2)
    assert 0 == _depth("q")["dead_letters"]
    with pytest.raises(LookupError, match="nobody"):
        queues.redrive("nobody")


def test_an_idle_consumer_costs_nothing(cloud: Cloud, consume: Consume) -> None:
    """Ten consumers of empty queues use next to no processor time."""
    for number in range(10):
        cloud.queue(f"q{number}")
        consume(f"q{number}", lambda _event: None)
    time.sleep(0.2)
    before = time.process_time()
    time.sleep(1.5)
    assert time.process_time() - before < 0.1
