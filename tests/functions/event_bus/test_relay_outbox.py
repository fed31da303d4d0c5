"""relay_outbox, as SQS and the schedule call it."""

from __future__ import annotations

import pytest

from functions.event_bus.relay_outbox import handler
from orchstack.kernel.db.outbox import write
from orchstack.kernel.db.session import Database
from orchstack.kernel.errors import Unavailable
from orchstack.kernel.events import Announcement, Event
from orchstack.kernel.ids import new_id
from tests.contract.event_bus.aws_stub import AwsStub
from tests.functions.event_bus.conftest import Payload
from tests.make import LambdaContext, event

pytestmark = pytest.mark.usefixtures("as_platform")
CONTEXT = LambdaContext(remaining_ms=60_000)


@pytest.fixture
def waiting(database: Database) -> Event:
    """An event that waits in the outbox."""
    announced = event(new_id())
    with database.transaction(announced.tenantid) as tx:
        write(tx, Announcement(events=(announced,)))
    return announced


@pytest.mark.parametrize("name", ["sqs_nudge", "schedule"])
def test_what_waits_is_published(aws: AwsStub, payload: Payload, waiting: Event, name: str) -> None:
    """A nudge and the schedule do the same: the event is on the bus."""
    assert {"batchItemFailures": []} == handler(payload(name), CONTEXT)
    assert [waiting] == [Event.model_validate_json(entry["Detail"]) for entry in aws.events]


def test_a_refused_event_brings_the_nudge_back(
    aws: AwsStub, payload: Payload, waiting: Event
) -> None:
    """If the bus refused an event for now, SQS delivers the nudge again."""
    aws.refusals[str(waiting.id)] = "InternalFailure"
    nudge = payload("sqs_nudge")

    assert {"batchItemFailures": [{"itemIdentifier": nudge["Records"][0]["messageId"]}]} == handler(
        nudge, CONTEXT
    )


@pytest.mark.usefixtures("waiting")
def test_an_absent_bus_fails_the_invocation(aws: AwsStub, payload: Payload) -> None:
    """Without EventBridge the whole invocation fails, and the event stays for the next one."""
    aws.failing = True
    with pytest.raises(Unavailable):
        handler(payload("sqs_nudge"), CONTEXT)

    aws.failing = False
    handler(payload("schedule"), CONTEXT)

    assert 1 == len(aws.events)
