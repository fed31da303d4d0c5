"""API Gateway of the local cloud: the REST API and the WebSocket API on one loopback port."""

from orchstack.local.gateway.model import (
    AuthorizerSpec,
    GatewayResponse,
    MockAnswer,
    RestApi,
    RestRoute,
    SocketApi,
    SocketRoute,
)
from orchstack.local.gateway.server import Gateway

__all__ = [
    "AuthorizerSpec",
    "Gateway",
    "GatewayResponse",
    "MockAnswer",
    "RestApi",
    "RestRoute",
    "SocketApi",
    "SocketRoute",
]
