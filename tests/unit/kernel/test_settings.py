from __future__ import annotations

import pytest
from pydantic import ValidationError

from orchstack.kernel.settings import (
    CacheSettings,
    DatabaseSettings,
    EventSettings,
    Misconfigured,
    RuntimeSettings,
    load,
)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment that names a database and a cache."""
    monkeypatch.setenv("ORCHSTACK_DATABASE_HOST", "db.example")
    monkeypatch.setenv("ORCHSTACK_CACHE_HOST", "cache.example")
    monkeypatch.setenv("ORCHSTACK_CACHE_TLS", "false")
    return monkeypatch


@pytest.mark.usefixtures("environment")
def test_settings_are_read_from_the_environment() -> None:
    """A variable is the prefix and the field's name; what is missing has its default."""
    settings = load(DatabaseSettings)
    assert ("db.example", 5432, "iam", "verify-full") == (
        settings.host,
        settings.port,
        settings.auth,
        settings.tls,
    )
    assert CacheSettings(host="cache.example", tls=False) == load(CacheSettings)


def test_a_missing_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says which variable to set."""
    monkeypatch.delenv("ORCHSTACK_DATABASE_HOST", raising=False)
    with pytest.raises(Misconfigured, match="ORCHSTACK_DATABASE_HOST"):
        load(DatabaseSettings)


def test_a_wrong_value_is_not_repeated(environment: pytest.MonkeyPatch) -> None:
    """The message names the variable, never what it holds: that may be a secret."""
    environment.setenv("ORCHSTACK_DATABASE_PORT", "hunter2")
    with pytest.raises(Misconfigured) as caught:
        load(DatabaseSettings)
    assert "ORCHSTACK_DATABASE_PORT" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_an_empty_variable_counts_as_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A template that leaves a value empty means that there is none."""
    monkeypatch.setenv("ORCHSTACK_NUDGE_QUEUE_URL", "")
    assert load(EventSettings).nudge_queue_url is None


def test_settings_do_not_change() -> None:
    """Settings are read once and frozen."""
    settings = RuntimeSettings()
    with pytest.raises(ValidationError):
        setattr(settings, "aws_region", "eu-west-1")  # noqa: B010 - mypy knows that it is frozen
