"""The event bus: relays the outbox to EventBridge, and what is on the bus to WebSocket clients."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from aws_cdk import CfnElement, Stack
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from constructs import Construct

from infra_cdk.constructs.consumed_queue import Batch, ConsumedQueue
from infra_cdk.constructs.python_function import PythonFunction
from infra_cdk.constructs.schedule import Sweep
from infra_cdk.house import PLATFORM, House
from infra_cdk.nag import acknowledge

SOCKET_STAGE = "live"


class EventBus(Construct):
    """Its functions, its queues, the sweep, and the WebSocket API whose routes the edge adds."""

    def __init__(self, scope: Construct, house: House) -> None:
        super().__init__(scope, "EventBus")
        self.functions = [
            PythonFunction(self, house, "event_bus/list_events"),
            PythonFunction(self, house, "event_bus/list_audit"),
        ]
        self.open = PythonFunction(self, house, "event_bus/open_socket", timeout_s=10)
        self.close = PythonFunction(
            self, house, "event_bus/close_socket", user=PLATFORM, timeout_s=10
        )
        self.receive = PythonFunction(
            self, house, "event_bus/receive_message", user=PLATFORM, timeout_s=10
        )
        self.push = PythonFunction(self, house, "event_bus/push_events", timeout_s=60)
        self.relay = PythonFunction(
            self, house, "event_bus/relay_outbox", user=PLATFORM, timeout_s=60
        )
        self.relay.permit("events:PutEvents", house.data.bus.event_bus_arn)
        self.relay.set("EVENT_BUS_NAME", house.data.bus.event_bus_name)
        self.nudges = ConsumedQueue(self, "OutboxNudges", house, self.relay)
        self.relay.send(self.nudges.queue, "NUDGE")
        Sweep(
            self,
            house,
            self.relay,
            group=f"orchstack-{house.stage.name}",
            description="Relays what a lost nudge left in the outbox",
            payload='{"sweep": true}',
        )
        self.pushes = self._pushes(house)
        self.sockets = self._sockets()

    def nudged_by(self, functions: Iterable[PythonFunction]) -> None:
        """Let `functions`, which write into the outbox, wake the relay."""
        for function in functions:
            function.send(self.nudges.queue, "NUDGE")

    def _pushes(self, house: House) -> ConsumedQueue:
        pushes = ConsumedQueue(
            self, "SocketPushes", house, self.push, batch=Batch(size=100, window_s=1)
        )
        events.Rule(
            self,
            "Published",
            event_bus=house.data.bus,
            event_pattern=events.EventPattern(source=events.Match.prefix("orchstack.")),
            targets=[targets.SqsQueue(pushes.queue, dead_letter_queue=pushes.dead_letters)],
        )
        return pushes

    def _sockets(self) -> apigateway.WebSocketApi:
        api = apigateway.WebSocketApi(
            self,
            "Sockets",
            ip_address_type=apigateway.IpAddressType.DUAL_STACK,
            route_selection_expression="$request.body.action",
        )
        stack = Stack.of(self)
        host = f"{api.api_id}.execute-api.{stack.region}.{stack.url_suffix}"
        self.push.set("SOCKET_ENDPOINT", f"https://{host}/{SOCKET_STAGE}")
        self.socket_url = f"wss://{host}/{SOCKET_STAGE}"
        for method in ("DELETE", "POST"):
            connections = f"{SOCKET_STAGE}/{method}/@connections/*"
            self.push.permit(
                "execute-api:ManageConnections",
                stack.format_arn(
                    service="execute-api", resource=api.api_id, resource_name=connections
                ),
            )
            name = stack.get_logical_id(cast("CfnElement", api.node.default_child))
            arn = f"arn:<AWS::Partition>:execute-api:<AWS::Region>:<AWS::AccountId>:<{name}>"
            acknowledge(
                self.push.role,
                {f"AwsSolutions-IAM5[Resource::{arn}/{connections}]": "connections come and go"},
            )
        return api
