"""What the gateway is told about the APIs: plain data, filled in from the synthesized template."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class AuthorizerSpec:
    """A REQUEST authorizer, `AWS::ApiGateway::Authorizer` or its V2 sibling.

    `identity_sources` are mapping expressions as the template writes them, such as
    `method.request.header.Authorization` or `route.request.querystring.key`.
    """

    id: str
    function_name: str
    identity_sources: tuple[str, ...] = ()
    ttl_s: int = 300


@dataclass(frozen=True, kw_only=True)
class MockAnswer:
    """What a MOCK integration answers: its integration response's status, headers and body."""

    status: int = 200
    # Header names without `method.response.header.`, values without their quotes.
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""


@dataclass(frozen=True, kw_only=True)
class RestRoute:
    """One method of one resource: a Lambda proxy integration, or a mock answer."""

    method: str
    path: str
    function_name: str = ""
    streaming: bool = False
    timeout_s: float = 29
    authorizer: AuthorizerSpec | None = None
    mock: MockAnswer | None = None


@dataclass(frozen=True, kw_only=True)
class GatewayResponse:
    """`AWS::ApiGateway::GatewayResponse`: how the gateway words an error of its own.

    `kind` is the ResponseType, such as MISSING_AUTHENTICATION_TOKEN. `headers` maps names without
    `gatewayresponse.header.` to expressions as the template writes them: "'*'",
    "context.requestId", "method.request.header.Origin". `templates` are bodies by content type,
    with $context variables.
    """

    kind: str
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    templates: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RestApi:
    """A REST API with the one stage that is deployed."""

    id: str
    stage: str
    routes: tuple[RestRoute, ...]
    responses: tuple[GatewayResponse, ...] = ()
    binary_media_types: tuple[str, ...] = ()
    stage_variables: Mapping[str, str] = field(default_factory=dict)
    account_id: str = "000000000000"
    region: str = "us-east-1"


@dataclass(frozen=True, kw_only=True)
class SocketRoute:
    """A route of a WebSocket API. `answers`: the function's body goes back to the client."""

    key: str
    function_name: str
    timeout_s: float = 29
    authorizer: AuthorizerSpec | None = None
    answers: bool = False


@dataclass(frozen=True, kw_only=True)
class SocketApi:
    """A WebSocket API with the one stage that is deployed."""

    id: str
    stage: str
    routes: tuple[SocketRoute, ...]
    selection: str = "$request.body.action"
    stage_variables: Mapping[str, str] = field(default_factory=dict)
    account_id: str = "000000000000"
    region: str = "us-east-1"
