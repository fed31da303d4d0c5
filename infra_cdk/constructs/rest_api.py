"""The REST API, made from the operations the services declare."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from aws_cdk import Duration
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra_cdk.constructs.gateway_responses import answer_with_problems
from infra_cdk.constructs.log_group import log_group
from infra_cdk.constructs.python_function import PythonFunction
from infra_cdk.nag import acknowledge
from infra_cdk.stages import Stage
from orchstack.kernel.http import Operation
from orchstack.wiring.catalogue import OPERATIONS

STAGE_NAME = "live"
TLS_1_3_ONLY = "SecurityPolicy_TLS13_1_3_2025_09"
REQUEST_HEADERS = [
    "Accept",
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "Last-Event-ID",
    "Traceparent",
    "X-Request-Id",
]
ACCESS_LOG = {
    "request_id": "$context.requestId",
    "method": "$context.httpMethod",
    "resource": "$context.resourcePath",
    "status": "$context.status",
    "latency_ms": "$context.responseLatency",
    "integration_latency_ms": "$context.integrationLatency",
    "error": "$context.error.responseType",
    "authorizer_error": "$context.authorizer.error",
    "source_ip": "$context.identity.sourceIp",
    "user_agent": "$context.identity.userAgent",
    "trace_id": "$context.xrayTraceId",
}
PUSHES_LOGS = (
    "arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
)
ACKNOWLEDGED = {
    "AwsSolutions-APIG2": "the functions validate by the models the API's description is made from",
    "AwsSolutions-COG4": "callers are programs: API keys, checked by a function",
    f"AwsSolutions-IAM4[Policy::{PUSHES_LOGS}]": "API Gateway demands this policy for its logs",
}
UNGUARDED = {"AwsSolutions-APIG3": "a development stage goes without the firewall's cost"}


def api_name(stage: Stage) -> str:
    """Return the name of the stage's API, which its metrics go by."""
    return f"orchstack-{stage.name}"


class RestApi(apigateway.RestApi):
    """A regional API, TLS 1.3 only; a function checks the keys, and streaming operations stream."""

    def __init__(
        self,
        scope: Construct,
        stage: Stage,
        functions: Mapping[str, PythonFunction],
        authorizer: lambda_.IFunction,
    ) -> None:
        super().__init__(
            scope,
            "Api",
            rest_api_name=api_name(stage),
            endpoint_configuration=apigateway.EndpointConfiguration(
                types=[apigateway.EndpointType.REGIONAL],
                ip_address_type=apigateway.IpAddressType.DUAL_STACK,
            ),
            cloud_watch_role=True,
            deploy_options=self._deployment(scope, stage),
            default_cors_preflight_options=apigateway.CorsOptions(
                allow_origins=apigateway.Cors.ALL_ORIGINS,
                allow_methods=["DELETE", "GET", "PATCH", "POST", "PUT"],
                allow_headers=REQUEST_HEADERS,
                max_age=Duration.hours(2),
            ),
        )
        api = cast("apigateway.CfnRestApi", self.node.default_child)
        api.security_policy, api.endpoint_access_mode = TLS_1_3_ONLY, "STRICT"
        acknowledge(self, ACKNOWLEDGED if stage.firewall else {**ACKNOWLEDGED, **UNGUARDED})
        # The stack names its outputs itself.
        self.node.try_remove_child("Endpoint")
        answer_with_problems(self)
        keys = apigateway.RequestAuthorizer(
            self,
            "Keys",
            handler=authorizer,
            identity_sources=[apigateway.IdentitySource.header("Authorization")],
            results_cache_ttl=Duration.seconds(60),
        )
        for operation in OPERATIONS:
            self._route(operation, functions[operation.function], keys)

    def _deployment(self, scope: Construct, stage: Stage) -> apigateway.StageOptions:
        logs = log_group(scope, "ApiLogs", stage.log_days)
        return apigateway.StageOptions(
            stage_name=STAGE_NAME,
            tracing_enabled=True,
            metrics_enabled=True,
            logging_level=apigateway.MethodLoggingLevel.ERROR,
            data_trace_enabled=False,
            access_log_destination=apigateway.LogGroupLogDestination(logs),
            access_log_format=apigateway.AccessLogFormat.custom(json.dumps(ACCESS_LOG)),
            throttling_rate_limit=stage.requests_per_second,
            throttling_burst_limit=stage.request_burst,
        )

    def _route(
        self,
        operation: Operation[Any, Any],
        function: PythonFunction,
        keys: apigateway.IAuthorizer,
    ) -> None:
        transfer = apigateway.ResponseTransferMode
        integration = apigateway.LambdaIntegration(
            function.function,
            allow_test_invoke=False,
            response_transfer_mode=transfer.STREAM if operation.streaming else transfer.BUFFERED,
            timeout=Duration.seconds(
                function.timeout_s if operation.streaming else operation.timeout_s
            ),
        )
        public = operation.scope is None
        method = self.root.resource_for_path(operation.path).add_method(
            operation.method,
            integration,
            authorizer=None if public else keys,
            authorization_type=apigateway.AuthorizationType.NONE
            if public
            else apigateway.AuthorizationType.CUSTOM,
        )
        if public:
            acknowledge(method, {"AwsSolutions-APIG4": "public by design: no tenant's data"})
