"""Providers as the operator's secret names them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest

from orchstack.kernel.clock import ManualClock
from orchstack.kernel.errors import NoProviderAvailable, Unavailable
from orchstack.llm_router.adapters.builtin import BuiltinModel
from orchstack.llm_router.adapters.in_memory import ScriptedProvider
from orchstack.llm_router.adapters.secret_directory import KEEP_S, KEEP_UNKNOWN_S, SecretDirectory
from orchstack.llm_router.model import ProviderSettings

HOSTED = {"base_url": "https://api.example.com/v1", "api_key": "sk-hidden"}


@dataclass
class Vault:
    """A secret that can be changed, and fail; counts its readings."""

    text: str = ""
    fails: bool = False
    readings: int = 0
    clock: ManualClock = field(default_factory=ManualClock)

    def read(self) -> str:
        """Give the text."""
        self.readings += 1
        if self.fails:
            raise Unavailable("The vault is closed.")
        return self.text

    def directory(self) -> SecretDirectory:
        """A directory over this secret."""
        return SecretDirectory(self.read, build, BuiltinModel(), self.clock)


def build(name: str, settings: ProviderSettings) -> ScriptedProvider:
    """Make a provider that remembers nothing but its name, and whether it is local."""
    return ScriptedProvider(name=name, local=settings.local)


def secret(**providers: dict[str, str]) -> str:
    """A secret whose default is the first provider."""
    return json.dumps({"default": f"{next(iter(providers))}/m", "providers": providers})


@pytest.mark.parametrize("text", ["", "  \n", "{}"])
def test_an_empty_secret_means_the_builtin_model(text: str) -> None:
    """Without any settings the built-in model answers."""
    assert "builtin/echo" == Vault(text).directory().default()


def test_the_builtin_model_needs_no_secret() -> None:
    """Naming the built-in model reads nothing."""
    vault = Vault(fails=True)

    assert "builtin" == vault.directory().provider("builtin").name
    assert 0 == vault.readings


def test_settings_make_providers() -> None:
    """A named provider is built with its settings; the default is the secret's."""
    directory = Vault(secret(acme=HOSTED, mini={"base_url": "http://127.0.0.1:9/v1"})).directory()

    assert "acme/m" == directory.default()
    assert (False, True) == (directory.provider("acme").local, directory.provider("mini").local)
    with pytest.raises(NoProviderAvailable, match="'other' is not set up"):
        directory.provider("other")


def test_the_secret_is_read_again_after_a_while() -> None:
    """Changes are seen within five minutes; unchanged providers keep their connections."""
    vault = Vault(secret(acme=HOSTED, beta=HOSTED))
    directory = vault.directory()
    acme, beta = directory.provider("acme"), directory.provider("beta")
    vault.text = secret(acme=HOSTED, beta={**HOSTED, "api_key": "sk-new"})
    vault.clock.advance(KEEP_S - 1)

    assert beta is directory.provider("beta")
    assert 1 == vault.readings
    vault.clock.advance(1)
    assert beta is not directory.provider("beta")
    assert acme is directory.provider("acme")


def test_a_new_name_is_looked_up_soon() -> None:
    """A provider that was just added can be used at once, though not every mistake reads anew."""
    vault = Vault(secret(acme=HOSTED))
    directory = vault.directory()
    for _ in range(3):
        with pytest.raises(NoProviderAvailable):
            directory.provider("beta")
    vault.text = secret(acme=HOSTED, beta=HOSTED)
    vault.clock.advance(KEEP_UNKNOWN_S)

    assert 1 == vault.readings
    assert "beta" == directory.provider("beta").name


def test_what_was_known_stays_while_the_secret_cannot_be_read() -> None:
    """A closed vault or a slip of the operator does not take working providers away."""
    vault = Vault(secret(acme=HOSTED))
    directory = vault.directory()
    acme = directory.provider("acme")
    for text, fails in ((vault.text, True), ("{", False), ('{"providers": []}', False)):
        vault.text, vault.fails = text, fails
        vault.clock.advance(KEEP_S)
        assert acme is directory.provider("acme")


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"default": 7}', json.dumps({"providers": {"acme": {**HOSTED, "x": 1}}})]
)
def test_a_secret_that_does_not_fit_is_not_told(text: str) -> None:
    """The caller learns that the settings are wrong; neither he nor the log learns a key."""
    with pytest.raises(NoProviderAvailable, match="cannot be read") as refused:
        Vault(text).directory().default()

    assert "sk-hidden" not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    ("url", "local", "limit"),
    [
        ("https://api.openai.com/v1", False, "max_completion_tokens"),
        ("http://127.0.0.1:11434/v1", True, "max_tokens"),
        ("http://localhost/v1", True, "max_tokens"),
        ("http://10.0.0.7:8000/v1", False, "max_tokens"),
    ],
)
def test_settings_have_sensible_defaults(url: str, local: bool, limit: str) -> None:
    """Loopback is free; OpenAI's own servers take the newer name of the output limit."""
    settings = ProviderSettings(base_url=url)

    assert (local, limit) == (settings.local, settings.output_limit)
    assert (not local) == settings.model_copy(update={"free": not local}).local
