"""The state half of the local cloud with Python callables for functions."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, TypeVar

from orchstack.local.async_invocations import AsyncInvocations
from orchstack.local.bus import LocalBus
from orchstack.local.functions.model import Result, UnknownFunction
from orchstack.local.state.clients import Clients
from orchstack.local.state.server import StateServer
from orchstack.local.template import ACCOUNT, REGION

ROLE = f"arn:aws:iam::{ACCOUNT}:role/local"
Handler = Callable[[Any], Any]
T = TypeVar("T")


class FunctionFailed(Exception):
    """A handler raises it to fail with an error type of its own."""


class Cloud:
    """moto, mended, with functions that are callables of this process."""

    def __init__(self) -> None:
        """Start."""
        self.handlers: dict[str, Handler] = {}
        self.asynchronous = AsyncInvocations(self.invoke)
        self.bus = LocalBus(self.asynchronous.targets)
        self.on_change: Callable[[str], None] = lambda _service: None
        self.server = StateServer(self, self.bus, self._changed)
        self.server.start()
        self.clients = Clients(self.server.endpoint)
        self.client("iam").create_role(RoleName="local", AssumeRolePolicyDocument="{}")

    def stop(self) -> None:
        """Stop everything."""
        self.asynchronous.stop()
        self.bus.stop()
        self.server.stop()
        self.clients.close()

    def client(self, service: str) -> Any:
        """A client of a service."""
        return self.clients.get(service)

    def invoke(self, name: str, payload: bytes) -> Result:
        """Run a handler as a function service would."""
        try:
            handler = self.handlers[name]
        except KeyError:
            raise UnknownFunction(name) from None
        try:
            return Result(json.dumps(handler(json.loads(payload))).encode())
        except FunctionFailed as error:
            body = {"errorType": str(error), "errorMessage": "planned"}
            return Result(json.dumps(body).encode(), "Unhandled")

    def submit(self, name: str, payload: bytes) -> None:
        """Run a handler asynchronously."""
        self.asynchronous.submit(name, payload)

    def _changed(self, service: str) -> None:
        self.on_change(service)

    def function(self, name: str, handler: Handler) -> str:
        """Register a handler; returns its ARN."""
        self.handlers[name] = handler
        self.asynchronous.register(name)
        created = self.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role=ROLE,
            Handler="x.y",
            Code={"ZipFile": _EMPTY_ZIP},
        )
        return str(created["FunctionArn"])

    def machine(self, name: str, kind: str = "STANDARD", **definition: Any) -> str:
        """Create a state machine; returns its ARN."""
        created = self.client("stepfunctions").create_state_machine(
            name=name, definition=json.dumps(definition), roleArn=ROLE, type=kind
        )
        return str(created["stateMachineArn"])

    def run(self, machine: str, **given: Any) -> dict[str, Any]:
        """Run a state machine to its end; returns its description."""
        client = self.client("stepfunctions")
        arn = client.start_execution(stateMachineArn=machine, input=json.dumps(given))
        return self.ended(arn["executionArn"])

    def ended(self, execution: str) -> dict[str, Any]:
        """Wait for an execution to end; returns its description."""
        client = self.client("stepfunctions")

        def described() -> dict[str, Any] | None:
            answer: dict[str, Any] = client.describe_execution(executionArn=execution)
            return None if answer["status"] == "RUNNING" else answer

        return eventually(described)

    def queue(self, name: str, **attributes: str) -> str:
        """Create a queue; returns its URL."""
        url = self.client("sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        return str(url)

    def received(self, url: str, wait_s: int = 5) -> list[dict[str, Any]]:
        """Receive from a queue, waiting for something to come."""
        answer = self.client("sqs").receive_message(
            QueueUrl=url,
            WaitTimeSeconds=wait_s,
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
        )
        return list(answer.get("Messages", []))


def queue_arn(name: str) -> str:
    """The ARN of a queue."""
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"


def eventually(look: Callable[[], T | None], within_s: float = 10) -> T:
    """Look until there is something."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.01)
    msg = "it did not happen in time"
    raise AssertionError(msg)


_EMPTY_ZIP = b"PK\x05\x06" + bytes(18)
