"""Custom resources: asks a function as CloudFormation does, and waits for its PUT.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html. Each start is a new
stack here, so the request is always a Create.
"""

from __future__ import annotations

import json
import queue
import uuid
from typing import Protocol
from wsgiref.types import WSGIEnvironment

from orchstack.kernel.plain import JsonObject
from orchstack.local.failures import CannotDeploy
from orchstack.local.functions.model import Result, UnknownFunction
from orchstack.local.template import Created, Resource, stack_id
from orchstack.local.values import Value

_PATH = "/_local/responses/"
_DEFAULT_TIMEOUT_S = 3600.0
_PUT_AFTER_END_S = 2.0


class Listener(Protocol):
    """Where the function's answer can be PUT."""

    def route(self, path: str, handle: Value) -> str:
        """Answer a path; returns its URL."""

    def unroute(self, path: str) -> None:
        """Answer it no more."""


class Functions(Protocol):
    """Runs a function and waits."""

    def invoke(self, name: str, payload: bytes) -> Result:
        """Answer with what the function returned."""


class CustomResources:
    """Creates resources by invoking the function their ServiceToken names."""

    def __init__(self, listener: Listener, functions: Functions) -> None:
        """Take where answers arrive, and what runs functions."""
        self._listener = listener
        self._functions = functions

    def create(self, resource: Resource) -> Created:
        """Create one; raises CannotDeploy with the function's reason."""
        answers: queue.Queue[JsonObject] = queue.Queue()
        path = f"{_PATH}{uuid.uuid4()}"

        def take(_environ: WSGIEnvironment, body: bytes) -> tuple[int, JsonObject]:
            answers.put(json.loads(body))
            return 200, {}

        url = self._listener.route(path, take)
        try:
            answer = self._ask(resource, url, answers)
        finally:
            self._listener.unroute(path)
        if answer.get("Status") != "SUCCESS":
            raise CannotDeploy(
                f"{resource}: {answer.get('Reason') or 'it failed without a reason'}"
            )
        return Created(str(answer["PhysicalResourceId"]), answer.get("Data") or {})

    def _ask(self, resource: Resource, url: str, answers: queue.Queue[JsonObject]) -> JsonObject:
        properties = dict(resource.properties)
        token = properties["ServiceToken"]
        timeout = float(properties.pop("ServiceTimeout", _DEFAULT_TIMEOUT_S))
        request = {
            "RequestType": "Create",
            "ResponseURL": url,
            "StackId": stack_id(resource.stack.name),
            "RequestId": str(uuid.uuid4()),
            "ResourceType": resource.type,
            "LogicalResourceId": resource.logical_id,
            "ResourceProperties": _as_strings(properties),
        }
        try:
            result = self._functions.invoke(token, json.dumps(request).encode())
        except UnknownFunction:
            raise CannotDeploy(f"{resource}: its function {token} does not run locally") from None
        try:
            # A function that did not fail may have handed the work on to another.
            return answers.get(timeout=_PUT_AFTER_END_S if result.error else timeout)
        except queue.Empty:
            said = result.payload.decode(errors="replace")[:2000]
            raise CannotDeploy(f"{resource}: no answer came to ResponseURL; {said}") from None


def _as_strings(value: Value) -> Value:
    # CloudFormation hands every scalar over as a string.
    if isinstance(value, dict):
        return {key: _as_strings(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_strings(item) for item in value]
    return str(value).lower() if isinstance(value, bool) else str(value)
