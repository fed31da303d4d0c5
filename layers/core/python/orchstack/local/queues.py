"""SQS as an event source of Lambda: reads batches, invokes the function, deletes what succeeded.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html. A thread a queue waits
without polling: for a message to arrive, or for the next one to become visible.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from orchstack.kernel.plain import JsonObject
from orchstack.local.background import Background
from orchstack.local.functions.model import Result, TooManyRequests, UnknownFunction
from orchstack.local.state import Moto, backends
from orchstack.local.state.queue_locks import lock_of
from orchstack.local.template import REGION

_LONGEST_WAIT_S = 20.0
_LARGEST_RECEIVE = 10
_THROTTLED_WAIT_S = (0.05, 1.0)
# Without a MaximumConcurrency Lambda begins with five batches at a time.
_DEFAULT_CONCURRENCY = 5

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class EventSource:
    """An event source mapping from a queue to a function; times in seconds."""

    queue_arn: str
    function_name: str
    batch_size: int = 10
    window_s: float = 0
    reports_failures: bool = False
    max_concurrency: int | None = None

    @property
    def queue_name(self) -> str:
        """The name of the queue."""
        return self.queue_arn.rsplit(":", 1)[-1]


class QueueConsumer:
    """Feeds one function from one queue."""

    def __init__(self, source: EventSource, invoke: Callable[[str, bytes], Result]) -> None:
        """Take the mapping and what runs a function and waits for its answer."""
        self._source = source
        self._invoke = invoke
        self._stopping = threading.Event()
        workers = source.max_concurrency or _DEFAULT_CONCURRENCY
        self._free = threading.Semaphore(workers)
        self._pool = Background(workers, f"queue-{source.queue_name}")
        self._thread = threading.Thread(
            target=self._run, name=f"source-{source.queue_name}", daemon=True
        )

    def start(self) -> None:
        """Consume from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Take no more; messages being worked on become visible again by and by."""
        self._stopping.set()
        lock = lock_of(self._queue())
        with lock:
            lock.notify_all()
        self._thread.join(1)
        self._pool.stop()

    def _queue(self) -> Moto:
        return backends.queues().get_queue(self._source.queue_name)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._free.acquire()
            batch = self._next_batch()
            if self._stopping.is_set():
                return
            self._pool.run(self._work_off, batch)

    def _next_batch(self) -> list[Moto]:
        """Wait for messages, and then for the batch to fill or its window to close."""
        batch: list[Moto] = []
        closes_at = 0.0
        while not self._stopping.is_set():
            lock = lock_of(self._queue())
            with lock:
                received = self._receive(self._source.batch_size - len(batch))
                if received and not batch:
                    closes_at = time.monotonic() + self._source.window_s
                batch += received
                full = len(batch) >= self._source.batch_size
                remaining = closes_at - time.monotonic()
                if batch and (full or remaining <= 0):
                    return batch
                if not received:
                    longest = remaining if batch else _LONGEST_WAIT_S
                    lock.wait(min(longest, _until_visible(self._queue())))
        return batch

    def _receive(self, count: int) -> list[Moto]:
        queue = self._queue()
        return list(
            backends.queues().receive_message(
                queue.name, min(count, _LARGEST_RECEIVE), 0, queue.visibility_timeout, ["All"]
            )
        )

    def _work_off(self, batch: list[Moto]) -> None:
        try:
            result = self._invoke_unless_throttled(batch)
            if result is None:
                return
            for message in _succeeded(batch, result, self._source.reports_failures):
                self._delete(message)
        finally:
            self._free.release()

    def _invoke_unless_throttled(self, batch: list[Moto]) -> Result | None:
        """Invoke the function; None if it stayed throttled until the messages are visible again."""
        event = {"Records": [_record(message, self._source.queue_arn) for message in batch]}
        payload = json.dumps(event).encode()
        deadline = time.monotonic() + self._queue().visibility_timeout
        pause, longest = _THROTTLED_WAIT_S
        while True:
            try:
                return self._invoke(self._source.function_name, payload)
            except TooManyRequests:
                if self._stopping.wait(pause) or time.monotonic() + pause > deadline:
                    return None
                pause = min(pause * 2, longest)
            except UnknownFunction:
                _log.exception("%s feeds an unknown function", self._source.queue_name)
                return None

    def _delete(self, message: Moto) -> None:
        try:
            backends.queues().delete_message(self._source.queue_name, message.receipt_handle)
        except backends.REFUSALS:
            # It was received again meanwhile, or the queue was purged.
            _log.warning("%s: message %s was gone", self._source.queue_name, message.id)


def _succeeded(batch: list[Moto], result: Result, reports_failures: bool) -> Iterable[Moto]:
    """The messages of a batch that may be deleted; a malformed report means none."""
    if result.error:
        return ()
    if not reports_failures:
        return batch
    failed = _reported(result.payload)
    if failed is None or not failed <= {message.id for message in batch}:
        return ()
    return (message for message in batch if message.id not in failed)


def _reported(payload: bytes) -> set[str] | None:
    """The ids an answer reports as failed; None if the report is malformed."""
    try:
        answer = json.loads(payload)
        failures = (answer or {}).get("batchItemFailures") or []
        failed = {failure["itemIdentifier"] for failure in failures}
    except (ValueError, AttributeError, KeyError, TypeError):
        return None
    return failed if all(isinstance(item, str) and item for item in failed) else None


def _until_visible(queue: Moto) -> float:
    """Seconds until a message of the queue that is hidden or delayed becomes visible."""
    now = time.time() * 1000
    times = [max(message.visible_at, message.delayed_until) for message in queue._messages]  # noqa: SLF001 - moto lists only visible ones
    ahead = [at for at in times if at >= now]
    # moto compares milliseconds strictly; a little later is surely visible.
    return max(0.002, (min(ahead) - now) / 1000 + 0.002) if ahead else _LONGEST_WAIT_S


def _record(message: Moto, queue_arn: str) -> JsonObject:
    """A record of the event; https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html."""
    attributes = {
        "ApproximateReceiveCount": message.approximate_receive_count,
        "SentTimestamp": message.sent_timestamp,
        "SenderId": message.sender_id,
        "ApproximateFirstReceiveTimestamp": message.approximate_first_receive_timestamp,
        "MessageGroupId": message.group_id,
        "MessageDeduplicationId": message.deduplication_id,
        "SequenceNumber": message.sequence_number,
        "AWSTraceHeader": message.system_attributes.get("AWSTraceHeader", {}).get("StringValue"),
    }
    return {
        "messageId": message.id,
        "receiptHandle": message.receipt_handle,
        "body": message.body,
        "attributes": {name: str(value) for name, value in attributes.items() if value is not None},
        "messageAttributes": {
            name: _attribute(value) for name, value in message.message_attributes.items()
        },
        "md5OfBody": message.body_md5,
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": REGION,
    }


def _attribute(value: JsonObject) -> JsonObject:
    binary = value.get("BinaryValue")
    return {
        "stringValue": value.get("StringValue"),
        "binaryValue": binary.decode() if isinstance(binary, bytes) else binary,
        "stringListValues": [],
        "binaryListValues": [],
        "dataType": value["DataType"],
    }


def depths() -> list[JsonObject]:
    """How many messages each queue holds, and its dead-letter queue."""
    return [
        {
            "name": queue.name,
            "visible": queue.approximate_number_of_messages,
            "in_flight": queue.approximate_number_of_messages_not_visible,
            "delayed": queue.approximate_number_of_messages_delayed,
            "dead_letter_queue": queue.dead_letter_queue and queue.dead_letter_queue.name,
            "dead_letters": len(queue.dead_letter_queue._messages)  # noqa: SLF001 - moto counts visible ones only
            if queue.dead_letter_queue
            else 0,
        }
        for queue in list(backends.queues().queues.values())
    ]


def redrive(name: str) -> int:
    """Move the dead letters of a queue (named itself or by its dead-letter queue) back into it.

    Returns how many; raises LookupError if there is no such queue.
    """
    for queue in list(backends.queues().queues.values()):
        dead = queue.dead_letter_queue
        if dead is None or name not in (queue.name, dead.name):
            continue
        with lock_of(dead):
            letters, dead._messages = dead._messages, []  # noqa: SLF001 - moto offers no move
        for letter in letters:
            letter.approximate_receive_count = 0
            letter.visible_at = 0.0
            queue.add_message(letter)
        return len(letters)
    raise LookupError(f"no queue with dead letters is called {name}")
