"""Secrets, as the services read them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest
from moto import mock_aws

from orchstack.kernel import aws
from orchstack.kernel.errors import Unavailable


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a function's role gives it."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port on which nobody listens."""
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        yield int(taken.getsockname()[1])


def test_a_secret_is_read() -> None:
    """Its current text comes back."""
    with mock_aws():
        arn = aws.client("secretsmanager").create_secret(Name="a", SecretString="made up")["ARN"]

        assert "made up" == aws.secret_text(arn)


def test_a_secret_without_a_value_is_empty() -> None:
    """An operator who has not filled it in yet is no fault."""
    with mock_aws():
        arn = aws.client("secretsmanager").create_secret(Name="a")["ARN"]

        assert "" == aws.secret_text(arn)


def test_a_service_that_is_away_is_told(monkeypatch: pytest.MonkeyPatch, silent_port: int) -> None:
    """Nobody waits long, and nobody meets an error of the library."""
    url = f"http://127.0.0.1:{silent_port}"
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", url)
    with pytest.raises(Unavailable, match="not answering"):
        aws.secret_text("arn:aws:secretsmanager:us-east-1:000000000000:secret:a")
