"""What API Gateway answers by itself, as the same problem documents the functions write."""

from __future__ import annotations

from aws_cdk import aws_apigateway as apigateway

from orchstack.kernel import errors, problems
from orchstack.kernel.gateway import COMMON_HEADERS, UNCACHED

# Response type of API Gateway: the error the caller sees.
_ANSWERS: dict[str, errors.OrchStackError] = {
    "DEFAULT_4XX": errors.InvalidRequest(),
    "BAD_REQUEST_BODY": errors.InvalidRequest(),
    "BAD_REQUEST_PARAMETERS": errors.InvalidRequest(),
    "UNAUTHORIZED": errors.Unauthenticated(),
    "ACCESS_DENIED": errors.Forbidden(),
    "WAF_FILTERED": errors.Forbidden("The firewall refused the request."),
    "MISSING_AUTHENTICATION_TOKEN": errors.NotFound(
        "There is no such operation; /openapi.json lists them."
    ),
    "RESOURCE_NOT_FOUND": errors.NotFound("There is no such operation; /openapi.json lists them."),
    "REQUEST_TOO_LARGE": errors.PayloadTooLarge(),
    "THROTTLED": errors.RateLimited(retry_after_s=1),
    "QUOTA_EXCEEDED": errors.RateLimited(retry_after_s=60),
    "DEFAULT_5XX": errors.Unavailable(retry_after_s=1),
    "AUTHORIZER_FAILURE": errors.Unavailable(retry_after_s=1),
    "AUTHORIZER_CONFIGURATION_ERROR": errors.Unavailable(retry_after_s=5),
    "INTEGRATION_FAILURE": errors.Unavailable(retry_after_s=1),
    "INTEGRATION_TIMEOUT": errors.DeadlineExceeded(retry_after_s=1),
}


def answer_with_problems(api: apigateway.RestApi) -> None:
    """Make every answer of the gateway itself a problem document with the headers all have."""
    for kind, error in _ANSWERS.items():
        headers = {**problems.headers(error), **COMMON_HEADERS, **UNCACHED}
        # The template's own media type becomes the content type.
        media_type = headers.pop("Content-Type")
        body = problems.render(error, instance="$context.path", request_id="$context.requestId")
        api.add_gateway_response(
            kind,
            type=apigateway.ResponseType.of(kind),
            status_code=str(error.status),
            response_headers={
                **{name: f"'{value}'" for name, value in headers.items()},
                "X-Request-Id": "context.requestId",
            },
            templates={media_type: body},
        )
