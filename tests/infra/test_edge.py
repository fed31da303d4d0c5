"""The edge: the routes are the operations, and nothing else gets in or out."""

from __future__ import annotations

import json
from typing import Any

from orchstack.wiring.catalogue import OPERATIONS
from tests.infra.assembly import Assembly, Resource, render


def _path(assembly: Assembly, resource_id: Any) -> str:
    if "Ref" not in resource_id:
        return ""
    resource = assembly.get(resource_id["Ref"]).properties
    return f"{_path(assembly, resource['ParentId'])}/{resource['PathPart']}"


def _methods(assembly: Assembly) -> dict[tuple[str, str], Resource]:
    return {
        (method.properties["HttpMethod"], _path(assembly, method.properties["ResourceId"])): method
        for method in assembly.of("AWS::ApiGateway::Method")
    }


def _responses(assembly: Assembly) -> dict[str, dict[str, Any]]:
    return {
        response.properties["ResponseType"]: response.properties
        for response in assembly.of("AWS::ApiGateway::GatewayResponse")
    }


def test_routes_are_the_operations(assembly: Assembly) -> None:
    """The API has a route for each operation that is declared, and no other."""
    routes = {route for route in _methods(assembly) if route[0] != "OPTIONS"}

    assert {(operation.method, operation.path) for operation in OPERATIONS} == routes


def test_routes_ask_for_a_key_unless_they_are_public(assembly: Assembly) -> None:
    """An operation with a scope stands behind the authorizer; a public one does not."""
    methods = _methods(assembly)
    for operation in OPERATIONS:
        given = methods[operation.method, operation.path].properties["AuthorizationType"]

        assert ("NONE" if operation.scope is None else "CUSTOM") == given


def test_streaming_routes_stream(assembly: Assembly) -> None:
    """A streaming operation's route passes on each chunk, for as long as its function may run."""
    methods = _methods(assembly)
    for operation in OPERATIONS:
        integration = methods[operation.method, operation.path].properties["Integration"]
        streams = "response-streaming-invocations" in render(integration["Uri"])

        assert operation.streaming == streams == (integration["ResponseTransferMode"] == "STREAM")
        assert operation.timeout_s * 1000 <= integration["TimeoutInMillis"]


def test_keys_are_kept_for_a_minute(assembly: Assembly) -> None:
    """The authorizer's answer for a key is reused for 60 seconds."""
    authorizer = assembly.one("AWS::ApiGateway::Authorizer").properties

    assert 60 == authorizer["AuthorizerResultTtlInSeconds"]
    assert "method.request.header.Authorization" == authorizer["IdentitySource"]


def test_only_tls_1_3_is_spoken(assembly: Assembly) -> None:
    """The API accepts TLS 1.3 only, and only under its own name."""
    api = assembly.one("AWS::ApiGateway::RestApi").properties

    assert "SecurityPolicy_TLS13_1_3_2025_09" == api["SecurityPolicy"]
    assert "STRICT" == api["EndpointAccessMode"]
    assert ["REGIONAL"] == api["EndpointConfiguration"]["Types"]


def test_every_path_answers_preflight(assembly: Assembly) -> None:
    """A browser may ask first, on every path that has an operation."""
    methods = _methods(assembly)

    assert all(("OPTIONS", operation.path) in methods for operation in OPERATIONS)


def test_the_gateway_answers_with_problems(assembly: Assembly) -> None:
    """What the gateway refuses by itself is a problem document that a browser may read."""
    for response in _responses(assembly).values():
        (body,) = response["ResponseTemplates"].values()
        problem = json.loads(body)

        assert ["application/problem+json"] == list(response["ResponseTemplates"])
        assert response["StatusCode"] == str(problem["status"])
        assert {"type", "title", "status", "detail", "instance", "code", "request_id"} <= set(
            problem
        )
        headers = response["ResponseParameters"]
        assert "'*'" == headers["gatewayresponse.header.Access-Control-Allow-Origin"]
        assert "Retry-After" in headers["gatewayresponse.header.Access-Control-Expose-Headers"]
        assert "context.requestId" == headers["gatewayresponse.header.X-Request-Id"]


def test_unknown_paths_are_not_found(assembly: Assembly) -> None:
    """API Gateway's 403 for a path that does not exist becomes a 404."""
    assert "404" == _responses(assembly)["MISSING_AUTHENTICATION_TOKEN"]["StatusCode"]


def test_passing_failures_say_when_to_retry(assembly: Assembly) -> None:
    """A throttled call, a dead handler and an unreachable one carry Retry-After."""
    responses = _responses(assembly)
    for kind in ("THROTTLED", "DEFAULT_5XX", "INTEGRATION_FAILURE", "AUTHORIZER_FAILURE"):
        headers = responses[kind]["ResponseParameters"]

        assert int(headers["gatewayresponse.header.Retry-After"].strip("'")) >= 1


def test_stages_are_throttled_and_logged(assembly: Assembly) -> None:
    """Both APIs bound the rate of requests and log each one, without its body or key."""
    rest = assembly.one("AWS::ApiGateway::Stage").properties
    live = assembly.one("AWS::ApiGatewayV2::Stage").properties
    (settings,) = rest["MethodSettings"]

    assert assembly.stage.requests_per_second == settings["ThrottlingRateLimit"]
    assert assembly.stage.request_burst == live["DefaultRouteSettings"]["ThrottlingBurstLimit"]
    assert not settings["DataTraceEnabled"]
    for access_log in (rest["AccessLogSetting"]["Format"], live["AccessLogSettings"]["Format"]):
        assert "equest_id" in access_log
        assert "uthorization" not in access_log
        assert "querystring" not in access_log


def test_sockets_ask_for_a_key_when_they_open(assembly: Assembly) -> None:
    """$connect stands behind the authorizer; the socket's other routes follow from it."""
    routes = {
        route.properties["RouteKey"]: route.properties["AuthorizationType"]
        for route in assembly.of("AWS::ApiGatewayV2::Route")
    }

    assert {"$connect": "CUSTOM", "$disconnect": "NONE", "$default": "NONE"} == routes


def test_prod_stands_behind_a_firewall(assemblies: dict[str, Assembly]) -> None:
    """The firewall is a matter of the stage: prod has one."""
    assert [] == assemblies["dev"].of("AWS::WAFv2::WebACL")
    assert 1 == len(assemblies["prod"].of("AWS::WAFv2::WebACLAssociation"))
