"""API Gateway's REST and WebSocket APIs: collected here, served by the gateway."""

from __future__ import annotations

from orchstack.local.failures import CannotDeploy
from orchstack.local.gateway import AuthorizerSpec, GatewayResponse
from orchstack.local.resources.apis import RestPlan, SocketPlan, function_name
from orchstack.local.resources.model import Emulated, Providers, Site
from orchstack.local.template import Created, Resource


def _rest_api(site: Site, resource: Resource) -> Created:
    api_id = _id(resource)
    media_types = tuple(resource.properties.get("BinaryMediaTypes", ()))
    plan = RestPlan(api_id, media_types)
    root = f"{api_id}-root"
    plan.paths[root] = ""
    site.apis.rest[api_id] = plan
    return Created(api_id, {"RootResourceId": root, "RestApiId": api_id})


def _resource(site: Site, resource: Resource) -> Created:
    properties = resource.properties
    paths = site.apis.rest[properties["RestApiId"]].paths
    paths[_id(resource)] = f"{paths[properties['ParentId']]}/{properties['PathPart']}"
    return Created(_id(resource), {"ResourceId": _id(resource)})


def _method(site: Site, resource: Resource) -> Created:
    site.apis.rest[resource.properties["RestApiId"]].methods.append(resource.properties)
    return Created(_id(resource))


def _authorizer(site: Site, resource: Resource) -> Created:
    properties = resource.properties
    if properties["Type"] not in ("REQUEST", "TOKEN"):
        raise CannotDeploy(f"{resource}: {properties['Type']} authorizers do not run here")
    sources = str(properties.get("IdentitySource", "")).split(",")
    site.apis.rest[properties["RestApiId"]].authorizers[_id(resource)] = AuthorizerSpec(
        id=_id(resource),
        function_name=function_name(properties["AuthorizerUri"]),
        identity_sources=tuple(source.strip() for source in sources if source.strip()),
        ttl_s=int(properties.get("AuthorizerResultTtlInSeconds", 300)),
    )
    return Created(_id(resource), {"AuthorizerId": _id(resource)})


def _gateway_response(site: Site, resource: Resource) -> Created:
    properties = resource.properties
    prefix = "gatewayresponse.header."
    headers = properties.get("ResponseParameters", {})
    site.apis.rest[properties["RestApiId"]].responses.append(
        GatewayResponse(
            kind=properties["ResponseType"],
            status=int(properties["StatusCode"]) if "StatusCode" in properties else None,
            headers={name.removeprefix(prefix): value for name, value in headers.items()},
            templates=properties.get("ResponseTemplates", {}),
        )
    )
    return Created(_id(resource), {"Id": _id(resource)})


def _stage(site: Site, resource: Resource) -> Created:
    plan = site.apis.rest[resource.properties["RestApiId"]]
    plan.stage = resource.properties["StageName"]
    plan.variables = resource.properties.get("Variables", {})
    return Created(plan.stage)


def _inert(_site: Site, resource: Resource) -> Created:
    return Created(_id(resource), {"DeploymentId": _id(resource)})


def _socket_api(site: Site, resource: Resource) -> Created:
    properties = resource.properties
    if properties.get("ProtocolType") != "WEBSOCKET":
        raise CannotDeploy(f"{resource}: HTTP APIs do not run here; use a REST API")
    selection = properties.get("RouteSelectionExpression", "$request.body.action")
    site.apis.sockets[_id(resource)] = SocketPlan(_id(resource), selection)
    endpoint = f"wss://{_id(resource)}.execute-api.us-east-1.amazonaws.com"
    return Created(_id(resource), {"ApiId": _id(resource), "ApiEndpoint": endpoint})


def _socket_integration(site: Site, resource: Resource) -> Created:
    plan = site.apis.sockets[resource.properties["ApiId"]]
    plan.integrations[_id(resource)] = resource.properties
    return Created(_id(resource), {"IntegrationId": _id(resource)})


def _socket_authorizer(site: Site, resource: Resource) -> Created:
    properties = resource.properties
    site.apis.sockets[properties["ApiId"]].authorizers[_id(resource)] = AuthorizerSpec(
        id=_id(resource),
        function_name=function_name(properties["AuthorizerUri"]),
        identity_sources=tuple(properties.get("IdentitySource", ())),
        ttl_s=0,  # WebSocket authorizers are asked once a connection
    )
    return Created(_id(resource), {"AuthorizerId": _id(resource)})


def _socket_route(site: Site, resource: Resource) -> Created:
    site.apis.sockets[resource.properties["ApiId"]].routes.append(resource.properties)
    return Created(_id(resource), {"RouteId": _id(resource)})


def _socket_stage(site: Site, resource: Resource) -> Created:
    plan = site.apis.sockets[resource.properties["ApiId"]]
    plan.stage = resource.properties["StageName"]
    plan.variables = resource.properties.get("StageVariables", {})
    return Created(plan.stage)


def _id(resource: Resource) -> str:
    return resource.logical_id.lower()


_ONE_STAGE = "one API and one stage are served; the stage is not part of the path"

PROVIDERS: Providers = {
    "AWS::ApiGateway::RestApi": Emulated(_rest_api, f"{_ONE_STAGE}; no TLS"),
    "AWS::ApiGateway::Resource": Emulated(_resource),
    "AWS::ApiGateway::Method": Emulated(
        _method, "Lambda proxy (buffered and streaming) and mock integrations only"
    ),
    "AWS::ApiGateway::Authorizer": Emulated(_authorizer, "Lambda authorizers only"),
    "AWS::ApiGateway::GatewayResponse": Emulated(_gateway_response),
    "AWS::ApiGateway::Deployment": Emulated(_inert, "the newest is always deployed"),
    "AWS::ApiGateway::Stage": Emulated(_stage, "no throttling, access log or cache"),
    "AWS::ApiGatewayV2::Api": Emulated(_socket_api, f"WebSocket only; {_ONE_STAGE}; no TLS"),
    "AWS::ApiGatewayV2::Route": Emulated(_socket_route),
    "AWS::ApiGatewayV2::RouteResponse": Emulated(_inert),
    "AWS::ApiGatewayV2::Integration": Emulated(_socket_integration, "Lambda proxy only"),
    "AWS::ApiGatewayV2::Authorizer": Emulated(_socket_authorizer),
    "AWS::ApiGatewayV2::Deployment": Emulated(_inert, "the newest is always deployed"),
    "AWS::ApiGatewayV2::Stage": Emulated(_socket_stage, "no throttling or access log"),
}
