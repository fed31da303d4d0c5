"""moto's `lambda.invoke` echoes the payload; here it runs the function.

https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Protocol

from moto.awslambda.exceptions import LambdaClientError, UnknownFunctionException
from moto.awslambda_simple.models import LambdaSimpleBackend

from orchstack.local.functions.model import (
    PayloadTooBig,
    Result,
    TooManyRequests,
    UnknownFunction,
)
from orchstack.local.state import Moto


class Functions(Protocol):
    """Runs functions for those who wait, and for those who do not."""

    def invoke(self, name: str, payload: bytes) -> Result:
        """Run and answer; raises TooManyRequests, PayloadTooBig or UnknownFunction."""

    def submit(self, name: str, payload: bytes) -> None:
        """Run some time soon, with Lambda's retries; raises UnknownFunction."""


def _refusal(status: int, code: str, message: str) -> Exception:
    refusal: Exception = LambdaClientError(code, message)
    refusal.code = status  # type: ignore[attr-defined] # moto's own attribute
    return refusal


def install(functions: Functions) -> None:
    """Let every `invoke` reach the given functions."""

    def invoke(
        backend: Moto,
        function_name: str,
        qualifier: str | None,
        body: bytes | str | None,
        headers: Mapping[str, str],
        response_headers: MutableMapping[str, str],
    ) -> bytes:
        name = backend.get_function(function_name, qualifier).function_name
        payload = (body.encode() if isinstance(body, str) else body) or b"{}"
        kind = headers.get("X-Amz-Invocation-Type")
        try:
            if kind == "Event":
                functions.submit(name, payload)
            if kind in ("Event", "DryRun"):
                return b""
            result = functions.invoke(name, payload)
        except TooManyRequests:
            raise _refusal(429, "TooManyRequestsException", "Rate Exceeded.") from None
        except PayloadTooBig as error:
            raise _refusal(413, "RequestTooLargeException", str(error)) from None
        except UnknownFunction:
            raise UnknownFunctionException(function_name) from None
        response_headers["X-Amz-Executed-Version"] = "$LATEST"
        if result.error:
            response_headers["X-Amz-Function-Error"] = result.error
        return result.payload

    LambdaSimpleBackend.invoke = invoke
