"""From the outbox over the bus and a queue to its consumer, and what becomes of a bad message."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.cloud import Caller, RunningCloud, eventually
from tests.make import agent_document

ENDED = "agent_runtime.RunCompleted.v1"
OUTCOMES, PUSHES = "RunOutcomesQueue", "SocketPushesQueue"


@pytest.fixture
def clerk(tenant: Caller) -> Caller:
    """A tenant with an agent."""
    tenant.put("/v1/agents/clerk", agent_document(name="clerk").model_dump(mode="json"))
    return tenant


class Queue:
    """A queue of the stack, by a part of its logical name."""

    def __init__(self, cloud: RunningCloud, part: str) -> None:
        """Find it."""
        self._cloud, self._part = cloud, part
        self._sqs = cloud.aws("sqs")
        self.name = str(self.depth()["name"])
        self._url = self._sqs.get_queue_url(QueueName=self.name)["QueueUrl"]

    def depth(self) -> dict[str, Any]:
        """How many messages it holds, and its dead-letter queue."""
        queues = self._cloud.platform.get("/_local/status").body["queues"]
        return next(queue for queue in queues if self._part in queue["name"])

    def send(self, body: str) -> str:
        """Send a message; gives its id."""
        return str(self._sqs.send_message(QueueUrl=self._url, MessageBody=body)["MessageId"])

    def redrive(self) -> int:
        """Bring the dead letters back; gives how many."""
        reply = self._cloud.platform.post(f"/_local/redrive?queue={self.name}", {})
        return int(reply.body["moved"])

    def purge(self) -> None:
        """Throw away what is left in it."""
        self._sqs.purge_queue(QueueUrl=self._url)

    @contextmanager
    def impatient(self) -> Iterator[int]:
        """Show messages again after two seconds instead of minutes; gives how often at most."""
        names = ["VisibilityTimeout", "RedrivePolicy"]
        given = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=names)
        before = given["Attributes"]
        self._set(VisibilityTimeout="2")
        try:
            yield int(json.loads(before["RedrivePolicy"])["maxReceiveCount"])
        finally:
            self._set(VisibilityTimeout=before["VisibilityTimeout"])

    def _set(self, **attributes: str) -> None:
        self._sqs.set_queue_attributes(QueueUrl=self._url, Attributes=attributes)


def outcomes(cloud: RunningCloud, run_id: str) -> list[Any]:
    """The outcomes kept of a run."""
    query = "select status, finish_reason, output_tokens from app.outcomes where run_id = %s"
    with psycopg.connect(cloud.state["database_dsn"]) as connection:
        return connection.execute(query, [run_id]).fetchall()


def refusals(cloud: RunningCloud, message_id: str) -> int:
    """How often the function that pushes events refused a message."""
    lines = Path(cloud.state["log_file"]).read_text("utf-8").splitlines()
    return sum("event not pushed" in line and message_id in line for line in lines)


def test_a_run_has_one_outcome(cloud: RunningCloud, clerk: Caller) -> None:
    """The event of a run's end becomes one outcome, however often the queue delivers it."""
    run = clerk.run("clerk", "What is 17 * 23?").body
    query = f"/v1/events?type={ENDED}&subject=runs/{run['id']}"
    (event,) = eventually(lambda: clerk.get(query).body["items"])
    queue = Queue(cloud, OUTCOMES)
    for _ in range(2):
        queue.send(json.dumps({"detail": event}))

    expected = [("completed", "answered", run["usage"]["output_tokens"])]
    assert expected == eventually(lambda: outcomes(cloud, run["id"]), within_s=20)
    held = ("visible", "in_flight", "delayed")
    assert eventually(lambda: not any(queue.depth()[name] for name in held), within_s=20)
    assert expected == outcomes(cloud, run["id"])


@pytest.mark.slow
def test_a_poisonous_message_ends_in_the_dead_letters(cloud: RunningCloud) -> None:
    """It is tried as often as the template says, then waits for a redrive, which tries it again."""
    queue = Queue(cloud, PUSHES)
    with queue.impatient() as attempts:
        message_id = queue.send(f'{{"not": "an event {uuid4()}"}}')
        assert eventually(lambda: queue.depth()["dead_letters"], within_s=60)
        assert attempts == refusals(cloud, message_id)

        assert 1 == queue.redrive()
        assert eventually(lambda: refusals(cloud, message_id) == attempts + 1, within_s=20)
        assert 0 == queue.depth()["dead_letters"]
        queue.purge()


def test_the_bus_keeps_an_archive(cloud: RunningCloud, clerk: Caller) -> None:
    """What passes over the bus is archived, so that it can be replayed."""
    events = cloud.aws("events")

    def archived() -> int:
        (archive,) = events.list_archives()["Archives"]
        return int(archive["EventCount"])

    before = archived()
    clerk.run("clerk", "hi")
    assert eventually(lambda: archived() >= before + 2)
