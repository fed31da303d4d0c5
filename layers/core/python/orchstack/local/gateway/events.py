"""The events API Gateway makes of requests, key by key.

REST, payload format 1.0:
https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
"""

from __future__ import annotations

import base64
import secrets
import time
import uuid
import zlib
from collections.abc import Mapping
from fnmatch import fnmatchcase
from urllib.parse import quote, unquote

from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy

from orchstack.kernel.plain import JsonObject
from orchstack.local.gateway.model import RestApi, RestRoute

Event = JsonObject

_NOBODY = dict.fromkeys(
    (
        "accessKey",
        "accountId",
        "caller",
        "cognitoAuthenticationProvider",
        "cognitoAuthenticationType",
        "cognitoIdentityId",
        "cognitoIdentityPoolId",
        "principalOrgId",
        "user",
        "userArn",
    )
)


def trace_root() -> str:
    """Make the trace header of a request that brings none."""
    return f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)}"


def forwarded(request: web.Request) -> CIMultiDict[str]:
    """Give the headers a function sees: the client's, and what the gateway adds."""
    headers = CIMultiDict(request.headers)
    headers.setdefault("X-Amzn-Trace-Id", trace_root())
    headers["X-Forwarded-For"] = request.remote or ""
    headers["X-Forwarded-Port"] = request.host.rpartition(":")[2]
    headers["X-Forwarded-Proto"] = request.scheme
    return headers


def header_fields(headers: CIMultiDict[str] | CIMultiDictProxy[str]) -> Event:
    """Give `headers` (of several values the last) and `multiValueHeaders`."""
    return {
        "headers": dict(headers.items()),
        "multiValueHeaders": {name: headers.getall(name) for name in headers},
    }


def query_fields(request: web.Request) -> Event:
    """Give `queryStringParameters` (of several values the last) and its multi-value sibling."""
    query = request.query
    return {
        "queryStringParameters": dict(query.items()) or None,
        "multiValueQueryStringParameters": {name: query.getall(name) for name in query} or None,
    }


def moment() -> Event:
    """Give the request's ids and time."""
    now = time.time()
    return {
        "requestId": str(uuid.uuid4()),
        "extendedRequestId": secrets.token_urlsafe(11) + "=",
        "requestTime": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
        "requestTimeEpoch": int(now * 1000),
    }


def identity(request: web.Request) -> Event:
    """Say where the request comes from."""
    return {"sourceIp": request.remote, "userAgent": request.headers.get("User-Agent")}


def rest_context(api: RestApi, route: RestRoute | None, request: web.Request) -> Event:
    """Build a REST request's context."""
    return {
        **moment(),
        "accountId": api.account_id,
        "apiId": api.id,
        "domainName": request.host,
        "domainPrefix": api.id,
        "httpMethod": request.method,
        "identity": {**_NOBODY, **identity(request)},
        # As it was sent, but for what a URL cannot hold; gateway responses put it into JSON.
        "path": quote(request.raw_path.partition("?")[0], safe="%/:@!$&'()*+,;=~"),
        "protocol": "HTTP/1.1",
        "resourceId": f"{zlib.crc32(route.path.encode()):08x}"[:6] if route else "",
        "resourcePath": route.path if route else "",
        "stage": api.stage,
    }


def rest_event(
    api: RestApi,
    route: RestRoute,
    request: web.Request,
    *,
    path: str,
    parameters: Mapping[str, str],
    context: Event,
) -> Event:
    """Build a REST request's event, all but its body."""
    return {
        "resource": route.path,
        "path": unquote(path),
        "httpMethod": request.method,
        **header_fields(forwarded(request)),
        **query_fields(request),
        "pathParameters": dict(parameters) or None,
        "stageVariables": dict(api.stage_variables) or None,
        "requestContext": context,
    }


def body_fields(api: RestApi, request: web.Request, body: bytes) -> Event:
    """Give `body` and `isBase64Encoded`, which the API's binary media types decide."""
    if not body:
        return {"body": None, "isBase64Encoded": False}
    if is_binary(api, request.content_type):
        return {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
    return {"body": body.decode("utf-8", "replace"), "isBase64Encoded": False}


def is_binary(api: RestApi, media_type: str) -> bool:
    """Whether the API treats the media type as binary."""
    return any(fnmatchcase(media_type, pattern) for pattern in api.binary_media_types)
