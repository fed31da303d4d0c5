"""A queue with the function that consumes it, its dead-letter queue, and alarms on both."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra_cdk.constructs.alarms import alarm
from infra_cdk.constructs.python_function import PythonFunction
from infra_cdk.house import House

ATTEMPTS = 5
# AWS's advice: a message stays hidden for six of its consumer's timeouts.
TIMEOUTS_HIDDEN = 6
CONSUMERS = 5
MINUTE = Duration.minutes(1)
TOO_OLD_S = 900


def dead_letters(scope: Construct, house: House) -> sqs.Queue:
    """Make a dead-letter queue that alarms as soon as anything lies in it."""
    queue = sqs.Queue(
        scope,
        "DeadLetters",
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
        retention_period=Duration.days(14),
    )
    depth = queue.metric_approximate_number_of_messages_visible(period=MINUTE, statistic="max")
    alarm(scope, "Dead", house, depth, above=0)
    return queue


@dataclass(frozen=True)
class Batch:
    """How many messages a consumer takes at once, and how long it may wait for them."""

    size: int = 10
    window_s: int = 0


AT_ONCE = Batch()


class ConsumedQueue(Construct):
    """An encrypted, TLS-only queue; its consumer reports the messages of a batch that failed."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        house: House,
        consumer: PythonFunction,
        *,
        batch: Batch = AT_ONCE,
    ) -> None:
        super().__init__(scope, name)
        self.dead_letters = dead_letters(self, house)
        self.queue = sqs.Queue(
            self,
            "Queue",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(4),
            visibility_timeout=Duration.seconds(TIMEOUTS_HIDDEN * consumer.timeout_s),
            dead_letter_queue=sqs.DeadLetterQueue(
                queue=self.dead_letters, max_receive_count=ATTEMPTS
            ),
        )
        age = self.queue.metric_approximate_age_of_oldest_message(period=MINUTE, statistic="max")
        alarm(self, "Late", house, age, above=TOO_OLD_S)
        self.queue.grant_consume_messages(consumer.role)
        lambda_.EventSourceMapping(
            self,
            "Source",
            target=consumer.function,
            event_source_arn=self.queue.queue_arn,
            batch_size=batch.size,
            max_batching_window=Duration.seconds(batch.window_s) if batch.window_s else None,
            max_concurrency=CONSUMERS,
            report_batch_item_failures=True,
        )
