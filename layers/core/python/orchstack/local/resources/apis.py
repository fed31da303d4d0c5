"""Collects what the templates say of APIs until the gateway can be told as a whole."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from orchstack.kernel.plain import JsonMapping
from orchstack.local.failures import CannotDeploy
from orchstack.local.gateway import (
    AuthorizerSpec,
    GatewayResponse,
    MockAnswer,
    RestApi,
    RestRoute,
    SocketApi,
    SocketRoute,
)

_FUNCTION = re.compile(r":function:([^/:]+)")
_STREAMING = "/response-streaming-invocations"


@dataclass
class RestPlan:
    """A REST API as far as it is known."""

    id: str
    binary_media_types: tuple[str, ...] = ()
    stage: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    paths: dict[str, str] = field(default_factory=dict)
    methods: list[JsonMapping] = field(default_factory=list)
    authorizers: dict[str, AuthorizerSpec] = field(default_factory=dict)
    responses: list[GatewayResponse] = field(default_factory=list)

    def api(self) -> RestApi:
        """The whole; raises CannotDeploy for an integration the gateway does not know."""
        return RestApi(
            id=self.id,
            stage=self.stage,
            routes=tuple(self._route(method) for method in self.methods),
            responses=tuple(self.responses),
            binary_media_types=self.binary_media_types,
            stage_variables=self.variables,
        )

    def _route(self, method: JsonMapping) -> RestRoute:
        path = self.paths[method["ResourceId"]] or "/"
        integration = method.get("Integration", {})
        kind = integration.get("Type")
        if kind == "MOCK":
            return RestRoute(method=method["HttpMethod"], path=path, mock=_mock(integration))
        if kind != "AWS_PROXY":
            raise CannotDeploy(
                f"{method['HttpMethod']} {path}: {kind} integrations do not run here"
            )
        uri = integration["Uri"]
        return RestRoute(
            method=method["HttpMethod"],
            path=path,
            function_name=function_name(uri),
            streaming=uri.endswith(_STREAMING),
            timeout_s=integration.get("TimeoutInMillis", 29_000) / 1000,
            authorizer=self._authorizer(method),
        )

    def _authorizer(self, method: JsonMapping) -> AuthorizerSpec | None:
        kind = method.get("AuthorizationType", "NONE")
        if kind == "NONE":
            return None
        if kind != "CUSTOM":
            raise CannotDeploy(f"{kind} authorizers do not run here")
        return self.authorizers[method["AuthorizerId"]]


@dataclass
class SocketPlan:
    """A WebSocket API as far as it is known."""

    id: str
    selection: str
    stage: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    integrations: dict[str, JsonMapping] = field(default_factory=dict)
    authorizers: dict[str, AuthorizerSpec] = field(default_factory=dict)
    routes: list[JsonMapping] = field(default_factory=list)

    def api(self) -> SocketApi:
        """The whole."""
        return SocketApi(
            id=self.id,
            stage=self.stage,
            selection=self.selection,
            stage_variables=self.variables,
            routes=tuple(self._route(route) for route in self.routes),
        )

    def _route(self, route: JsonMapping) -> SocketRoute:
        integration = self.integrations[route["Target"].removeprefix("integrations/")]
        return SocketRoute(
            key=route["RouteKey"],
            function_name=function_name(integration["IntegrationUri"]),
            timeout_s=integration.get("TimeoutInMillis", 29_000) / 1000,
            authorizer=self.authorizers.get(route.get("AuthorizerId", "")),
            answers="RouteResponseSelectionExpression" in route,
        )


@dataclass
class ApiPlans:
    """Every API of the assembly, by id."""

    rest: dict[str, RestPlan] = field(default_factory=dict)
    sockets: dict[str, SocketPlan] = field(default_factory=dict)

    def rest_api(self) -> RestApi:
        """The one REST API; raises CannotDeploy if there are several."""
        if len(self.rest) > 1:
            raise CannotDeploy(f"the gateway serves one REST API, not {', '.join(self.rest)}")
        if not self.rest:
            return RestApi(id="none", stage="none", routes=())
        return next(iter(self.rest.values())).api()

    def socket_api(self) -> SocketApi | None:
        """The one WebSocket API, if there is one; raises CannotDeploy if there are several."""
        if len(self.sockets) > 1:
            raise CannotDeploy(
                f"the gateway serves one WebSocket API, not {', '.join(self.sockets)}"
            )
        return next((plan.api() for plan in self.sockets.values()), None)


def function_name(uri: str) -> str:
    """The function an integration's or authorizer's URI names; raises CannotDeploy if none."""
    found = _FUNCTION.search(uri)
    if found is None:
        raise CannotDeploy(f"{uri} names no function")
    return found.group(1)


def _mock(integration: JsonMapping) -> MockAnswer:
    response: JsonMapping = next(iter(integration.get("IntegrationResponses", ())), {})
    prefix = "method.response.header."
    return MockAnswer(
        status=int(response.get("StatusCode", 200)),
        headers={
            name.removeprefix(prefix): str(value).strip("'")
            for name, value in response.get("ResponseParameters", {}).items()
        },
        body=next(iter(response.get("ResponseTemplates", {}).values()), ""),
    )
