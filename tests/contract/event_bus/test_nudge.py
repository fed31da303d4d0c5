"""What every nudge promises: one message for many commits, and never an error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from redis.cluster import RedisCluster
from redis.exceptions import RedisClusterException

from orchstack.event_bus.adapters.in_memory import InMemoryNudge
from orchstack.event_bus.adapters.nudge import FLAG, QueueNudge
from orchstack.event_bus.ports import Nudge
from orchstack.kernel.cache import connect
from orchstack.kernel.settings import CacheSettings
from tests.contract.event_bus.aws_stub import AwsStub

QUEUE = "http://127.0.0.1/000000000000/nudges"


@dataclass(frozen=True)
class Nudged:
    """A nudge, and how many messages it sent."""

    nudge: Nudge
    sent: Callable[[], int]


@pytest.fixture(params=["memory", "queue"])
def nudged(request: pytest.FixtureRequest) -> Nudged:
    """Each adapter in turn."""
    if request.param == "memory":
        nudge = InMemoryNudge()
        return Nudged(nudge, lambda: nudge.sent)
    cache: RedisCluster = request.getfixturevalue("cache")
    aws: AwsStub = request.getfixturevalue("aws")
    return Nudged(QueueNudge(lambda: cache, QUEUE), lambda: len(aws.queue))


def test_many_commits_send_one_message(nudged: Nudged) -> None:
    """Until the relay takes it up, a nudge stands for all that follow."""
    for _ in range(5):
        nudged.nudge.nudge()

    assert 1 == nudged.sent()


def test_after_the_relay_began_the_next_commit_nudges(nudged: Nudged) -> None:
    """The relay clears the nudge before it looks, so nothing committed later is missed."""
    nudged.nudge.nudge()
    nudged.nudge.clear()
    nudged.nudge.nudge()

    assert 2 == nudged.sent()


def test_the_message_waits_a_second(cache: RedisCluster, aws: AwsStub) -> None:
    """The message is delayed, so that one drain takes along what commits meanwhile."""
    QueueNudge(lambda: cache, QUEUE).nudge()

    assert [{"QueueUrl": QUEUE, "MessageBody": "{}", "DelaySeconds": 1}] == aws.queue


def test_a_forgotten_flag_goes_by_itself(cache: RedisCluster, aws: AwsStub) -> None:
    """If the message is lost, commits nudge again within five seconds."""
    QueueNudge(lambda: cache, QUEUE).nudge()

    assert 0 < cache.pttl(FLAG) <= 5_000
    assert 1 == len(aws.queue)


def test_a_lost_message_fails_nobody(cache: RedisCluster, aws: AwsStub) -> None:
    """Without SQS a nudge is a log line: the minute sweep comes anyway."""
    aws.failing = True

    QueueNudge(lambda: cache, QUEUE).nudge()

    assert [] == aws.queue


def test_without_valkey_the_relay_is_nudged_all_the_same(aws: AwsStub) -> None:
    """Without the flag each commit sends its message; clearing passes silently."""
    away = CacheSettings(host="127.0.0.1", port=1, tls=False, timeout_s=0.1)
    nudge = QueueNudge(lambda: connect(away), QUEUE)

    nudge.clear()
    nudge.nudge()

    assert 1 == len(aws.queue)


def test_a_valkey_that_is_away_is_left_alone(aws: AwsStub) -> None:
    """Once it failed, the next commits do not wait for its time-out."""
    asked = []

    def connect_in_vain() -> RedisCluster:
        asked.append("once")
        raise RedisClusterException

    nudge = QueueNudge(connect_in_vain, QUEUE)
    for _ in range(3):
        nudge.nudge()

    assert ["once"] == asked
    assert 3 == len(aws.queue)
