"""What every directory of providers promises."""

from __future__ import annotations

import json

import pytest

from orchstack.kernel.clock import ManualClock
from orchstack.kernel.errors import NoProviderAvailable
from orchstack.llm_router.adapters.builtin import BuiltinModel
from orchstack.llm_router.adapters.in_memory import InMemoryDirectory, ScriptedProvider
from orchstack.llm_router.adapters.secret_directory import SecretDirectory
from orchstack.llm_router.ports import ProviderDirectory

SECRET = json.dumps(
    {"default": "acme/m", "providers": {"acme": {"base_url": "https://acme.example/v1"}}}
)
DIRECTORIES: list[ProviderDirectory] = [
    InMemoryDirectory.of(ScriptedProvider(name="acme"), default_model="acme/m"),
    SecretDirectory(
        lambda: SECRET, lambda name, _: ScriptedProvider(name=name), BuiltinModel(), ManualClock()
    ),
]


@pytest.fixture(params=DIRECTORIES, ids=lambda directory: type(directory).__name__)
def directory(request: pytest.FixtureRequest) -> ProviderDirectory:
    """Each directory that ships, with the provider `acme`."""
    found: ProviderDirectory = request.param
    return found


def test_the_default_is_a_full_name(directory: ProviderDirectory) -> None:
    """`default` stands for a provider and a model."""
    assert "acme/m" == directory.default()


def test_a_provider_stays_the_same(directory: ProviderDirectory) -> None:
    """A provider is found by its name, and keeps its connections from call to call."""
    assert "acme" == directory.provider("acme").name
    assert directory.provider("acme") is directory.provider("acme")


def test_an_unknown_provider_is_told(directory: ProviderDirectory) -> None:
    """What is not set up has its own error, which names it."""
    with pytest.raises(NoProviderAvailable, match="nobody"):
        directory.provider("nobody")
