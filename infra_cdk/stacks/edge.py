"""What the world reaches: the REST API and the WebSocket API, watched and, in prod, guarded."""

from __future__ import annotations

import json
from typing import cast

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_apigatewayv2 as sockets
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra_cdk.constructs.alarms import alarm
from infra_cdk.constructs.firewall import Firewall
from infra_cdk.constructs.log_group import log_group
from infra_cdk.constructs.rest_api import RestApi
from infra_cdk.nag import acknowledge
from infra_cdk.services.event_bus import SOCKET_STAGE
from infra_cdk.stacks.services import ServicesStack
from infra_cdk.stages import Stage

SOCKET_LOG = {
    "request_id": "$context.requestId",
    "connection_id": "$context.connectionId",
    "route": "$context.routeKey",
    "status": "$context.status",
    "error": "$context.error.responseType",
    "source_ip": "$context.identity.sourceIp",
}


class EdgeStack(Stack):
    """The APIs; its outputs say where they are."""

    def __init__(self, scope: Construct, stage: Stage, services: ServicesStack) -> None:
        super().__init__(scope, f"OrchStack-{stage.name}-Edge")
        self._services = services
        # As a stranger, so that the permission to call it stands here and not in its own stack.
        self._authorizer = lambda_.Function.from_function_attributes(
            self,
            "Authorizer",
            function_arn=services.control_plane.authorizer.function.function_arn,
            same_environment=True,
        )
        self.api = RestApi(self, stage, services.functions, self._authorizer)
        self._socket_routes(stage)
        if stage.firewall:
            Firewall(self, self.api.deployment_stage.stage_arn)
        self._alarms()
        CfnOutput(self, "ApiUrl", value=self.api.url)

    def _socket_routes(self, stage: Stage) -> None:
        bus, api = self._services.event_bus, self._services.event_bus.sockets
        keys = authorizers.WebSocketLambdaAuthorizer(
            # No identity source: the key is in a header or, from a browser, in the query.
            "SocketKeys",
            self._authorizer,
            identity_source=[],
        )
        for key, function in (
            ("$connect", bus.open),
            ("$disconnect", bus.close),
            ("$default", bus.receive),
        ):
            name = f"Socket{key.removeprefix('$').capitalize()}"
            route = sockets.WebSocketRoute(
                self,
                name,
                web_socket_api=api,
                route_key=key,
                integration=integrations.WebSocketLambdaIntegration(name, function.function),
                authorizer=keys if key == "$connect" else None,
                return_response=key == "$default" or None,
            )
            acknowledge(route, {"AwsSolutions-APIG4": "the key is checked when it connects"})
        logs = log_group(self, "SocketLogs", stage.log_days)
        live = sockets.WebSocketStage(
            self,
            "SocketStage",
            web_socket_api=api,
            stage_name=SOCKET_STAGE,
            auto_deploy=True,
            throttle=sockets.ThrottleSettings(
                rate_limit=stage.requests_per_second, burst_limit=stage.request_burst
            ),
        )
        cfn = cast("sockets.CfnStage", live.node.default_child)
        cfn.access_log_settings = sockets.CfnStage.AccessLogSettingsProperty(
            destination_arn=logs.log_group_arn, format=json.dumps(SOCKET_LOG)
        )
        # Access logs need the account's role for CloudWatch, which comes with the REST API.
        live.node.add_dependency(self.api.node.find_child("Account"))

    def _alarms(self) -> None:
        house = self._services.house
        minutes = Duration.minutes(5)
        failing = self.api.metric_server_error(period=minutes, statistic="sum")
        alarm(self, "Failing", house, failing, above=5)
