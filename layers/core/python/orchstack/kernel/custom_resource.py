"""CloudFormation custom resources: whatever happens, CloudFormation gets its answer.

CloudFormation waits up to an hour for a PUT to the request's ResponseURL, so an error is answered
with FAILED and its reason, and so is an invocation that is about to run out of time.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-requesttypes.html
"""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Mapping
from functools import wraps
from urllib.parse import urlsplit

from orchstack.kernel.invocation import LambdaContext
from orchstack.kernel.observability import logger
from orchstack.kernel.plain import JsonMapping
from orchstack.kernel.scrubbing import scrub_text

Event = JsonMapping
Change = Callable[[JsonMapping], Mapping[str, str]]
Handler = Callable[[Event, LambdaContext], None]

# What is left of the function's time for saying that it was not enough.
_MARGIN_S = 5.0
_MAX_REASON = 500
_TRIES = 3
_PUT_TIMEOUT_S = 10.0
_PAUSE_S = 0.5


def custom_resource(change: Change) -> Handler:
    """Decorate a function that takes the resource's properties and gives its `Data`.

    It is called for Create and Update; a Delete succeeds without it.
    """

    @wraps(change)
    def handler(event: Event, context: LambdaContext) -> None:
        reply = _Reply(event)
        seconds = max(0.0, context.get_remaining_time_in_millis() / 1000 - _MARGIN_S)
        alarm = threading.Timer(seconds, reply.fail, ["the function ran out of time"])
        alarm.daemon = True
        alarm.start()
        try:
            wanted = event["RequestType"] != "Delete"
            data = change(event.get("ResourceProperties") or {}) if wanted else {}
        except Exception as error:  # noqa: BLE001 - the process boundary: CloudFormation must hear of it
            logger.exception("the custom resource failed")
            reply.fail(f"{type(error).__name__}: {error}")
        else:
            reply.succeed(data)
        finally:
            alarm.cancel()

    return handler


class _Reply:
    """The one answer to a request."""

    def __init__(self, event: Event) -> None:
        self._event = event
        self._once = threading.Lock()

    def succeed(self, data: Mapping[str, str]) -> None:
        """Say that the change was made."""
        self._send({"Status": "SUCCESS", "Data": dict(data)})

    def fail(self, reason: str) -> None:
        """Say why the change was not made, without secrets."""
        self._send({"Status": "FAILED", "Reason": scrub_text(reason)[:_MAX_REASON]})

    def _send(self, result: JsonMapping) -> None:
        if not self._once.acquire(blocking=False):
            return
        event = self._event
        answer = {
            "StackId": event["StackId"],
            "RequestId": event["RequestId"],
            "LogicalResourceId": event["LogicalResourceId"],
            "PhysicalResourceId": event.get("PhysicalResourceId") or event["LogicalResourceId"],
            **result,
        }
        _put(event["ResponseURL"], json.dumps(answer))


def _put(url: str, body: str) -> None:
    """PUT the answer; raises OSError or HTTPException when the last try fails."""
    for attempt in range(1, _TRIES + 1):
        try:
            status = _put_once(url, body)
        except (OSError, http.client.HTTPException):
            if attempt == _TRIES:
                raise
        else:
            if status < http.HTTPStatus.INTERNAL_SERVER_ERROR:
                return
        time.sleep(_PAUSE_S * attempt)


def _put_once(url: str, body: str) -> int:
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = kind(parts.netloc, timeout=_PUT_TIMEOUT_S)
    try:
        # The URL is signed for an empty content type.
        target = f"{parts.path}?{parts.query}"
        connection.request("PUT", target, body.encode(), {"Content-Type": ""})
        return connection.getresponse().status
    finally:
        connection.close()
