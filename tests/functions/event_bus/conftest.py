"""The environment of the event bus's functions, and the payloads AWS sends them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.contract.event_bus.aws_stub import AwsStub, running
from tests.house.source import ROOT

Payload = Callable[[str], dict[str, Any]]


@pytest.fixture
def payload() -> Payload:
    """Read a payload by name."""

    def read(name: str) -> dict[str, Any]:
        text = (ROOT / "events" / "aws" / f"{name}.json").read_text(encoding="utf-8")
        event: dict[str, Any] = json.loads(text)
        return event

    return read


@pytest.fixture
def aws(function_environment: pytest.MonkeyPatch) -> Iterator[AwsStub]:
    """AWS on loopback, and the event bus's functions told of it."""
    with running() as stub:
        for name, value in {
            **stub.environment,
            "ORCHSTACK_EVENT_BUS_NAME": "bus",
            "ORCHSTACK_NUDGE_QUEUE_URL": f"{stub.url}/000000000000/nudges",
            "ORCHSTACK_SOCKET_ENDPOINT": stub.url,
        }.items():
            function_environment.setenv(name, value)
        yield stub


@pytest.fixture
def as_platform(function_environment: pytest.MonkeyPatch) -> None:
    """The function connects as the platform role."""
    function_environment.setenv("ORCHSTACK_DATABASE_USER", "orchstack_platform")
