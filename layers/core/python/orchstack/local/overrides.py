"""All that a function's environment says differently here than on AWS, and nothing else."""

from __future__ import annotations

from orchstack.local.state.clients import ACCESS_KEY
from orchstack.local.template import REGION


def overrides(aws_endpoint: str, gateway_url: str, database_port: int) -> dict[str, str]:
    """The variables every worker gets on top of its template's."""
    return {
        # The local servers have neither passwords nor TLS; they listen on loopback only.
        "ORCHSTACK_DATABASE_AUTH": "trust",
        "ORCHSTACK_DATABASE_TLS": "off",
        "ORCHSTACK_DATABASE_PORT": str(database_port),
        "ORCHSTACK_CACHE_TLS": "false",
        # AWS is moto on loopback, and the WebSocket's management API is the gateway.
        "AWS_ENDPOINT_URL": aws_endpoint,
        "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": gateway_url,
        "AWS_USE_DUALSTACK_ENDPOINT": "false",
        # Otherwise StartSyncExecution would call sync-127.0.0.1.
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": ACCESS_KEY,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        # Nobody takes traces or metrics.
        "AWS_XRAY_SDK_ENABLED": "false",
        "POWERTOOLS_TRACE_DISABLED": "1",
        "POWERTOOLS_METRICS_DISABLED": "true",
    }
