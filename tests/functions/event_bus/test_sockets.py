"""The WebSocket functions, as API Gateway and SQS call them."""

from __future__ import annotations

import json
from uuid import UUID

import pytest

from functions.event_bus import close_socket, open_socket, push_events, receive_message
from orchstack.event_bus.adapters.postgres import PostgresConnections, PostgresSockets
from orchstack.event_bus.model import Socket
from orchstack.kernel.db.session import Database
from orchstack.kernel.events import Event
from orchstack.kernel.tenancy import Scope
from tests.contract.event_bus.aws_stub import AwsStub
from tests.functions.event_bus.conftest import Payload
from tests.make import NOW, LambdaContext, principal

CONTEXT = LambdaContext()
TENANT = UUID("019b76da-a800-7000-8000-0000000000ff")
CONNECTION = "WdWzXdBgoAMCJNA="


def connect(payload: Payload) -> None:
    """The client of the sample payloads connects."""
    assert {"statusCode": 200} == open_socket.handler(payload("websocket_connect"), CONTEXT)


@pytest.mark.usefixtures("aws")
def test_connecting_remembers_the_client(payload: Payload, database: Database) -> None:
    """$connect keeps the connection under the tenant of the key."""
    connect(payload)

    (socket,) = PostgresSockets(database).of_tenant(TENANT)
    assert CONNECTION == socket.connection_id


@pytest.mark.usefixtures("aws")
def test_a_key_without_the_scope_is_refused(payload: Payload, database: Database) -> None:
    """Without `events:read` $connect answers 403 and keeps nothing."""
    event = payload("websocket_connect")
    caller = principal(TENANT, frozenset({Scope.AGENTS_READ}))
    event["requestContext"]["authorizer"]["principal"] = caller.model_dump_json()

    assert {"statusCode": 403} == open_socket.handler(event, CONTEXT)
    assert [] == PostgresSockets(database).of_tenant(TENANT)


@pytest.mark.usefixtures("aws", "as_platform")
def test_a_ping_is_answered(payload: Payload) -> None:
    """The answer goes back over the route's response."""
    answer = receive_message.handler(payload("websocket_message"), CONTEXT)

    assert {"statusCode": 200, "body": '{"action": "pong"}'} == answer


@pytest.mark.usefixtures("aws", "as_platform")
def test_disconnecting_forgets_the_client(payload: Payload, database: Database) -> None:
    """$disconnect needs no more than the connection's id."""
    sockets = PostgresSockets(database)
    sockets.add(Socket(tenant_id=TENANT, connection_id=CONNECTION, key_id=TENANT, connected_at=NOW))

    assert {"statusCode": 200} == close_socket.handler(payload("websocket_disconnect"), CONTEXT)
    assert [] == sockets.of_tenant(TENANT)


def test_an_event_is_pushed_to_its_tenant(aws: AwsStub, payload: Payload) -> None:
    """The CloudEvent of the queue's message reaches the client as it is."""
    connect(payload)
    delivered = payload("sqs_eventbridge")

    assert {"batchItemFailures": []} == push_events.handler(delivered, CONTEXT)
    ((connection_id, text),) = aws.pushed
    assert CONNECTION == connection_id
    detail = json.loads(delivered["Records"][0]["body"])["detail"]
    assert Event.model_validate(detail) == Event.model_validate_json(text)


def test_what_cannot_be_pushed_comes_again(aws: AwsStub, payload: Payload) -> None:
    """If the stage fails, the message is delivered again; a message that is no event, too."""
    connect(payload)
    aws.failing = True
    delivered = payload("sqs_eventbridge")
    delivered["Records"].append({"messageId": "bad", "body": "{}"})

    failures = push_events.handler(delivered, CONTEXT)["batchItemFailures"]

    assert [delivered["Records"][0]["messageId"], "bad"] == [f["itemIdentifier"] for f in failures]


def test_a_subscription_is_kept(
    payload: Payload, aws: AwsStub, platform_database: Database
) -> None:
    """A client that wants other types is not sent this one."""
    connect(payload)
    other = frozenset({"control_plane.AgentPublished.v1"})
    PostgresConnections(platform_database).subscribe(CONNECTION, other)

    push_events.handler(payload("sqs_eventbridge"), CONTEXT)

    assert [] == aws.pushed
