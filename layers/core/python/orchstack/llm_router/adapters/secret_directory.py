"""The providers as the operator's secret names them.

Read anew every five minutes, and when a name is asked for that it did not have: what an operator
adds can be used at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pydantic import ValidationError

from orchstack.kernel.clock import Clock
from orchstack.kernel.errors import NoProviderAvailable, Unavailable
from orchstack.kernel.observability import logger
from orchstack.llm_router.model import Providers, ProviderSettings
from orchstack.llm_router.ports import Provider

KEEP_S: Final = 300.0
# How long an unknown name is believed: a tenant's mistake must not read the secret on every run.
KEEP_UNKNOWN_S: Final = 1.0

# Makes a provider of a name and its settings.
Build = Callable[[str, ProviderSettings], Provider]


class SecretDirectory:
    """Reads a secret that holds `Providers` as JSON; empty, the built-in model answers."""

    def __init__(
        self, read: Callable[[], str], build: Build, builtin: Provider, clock: Clock
    ) -> None:
        """Take how to read the secret (raises Unavailable) and how to make a provider."""
        self._read = read
        self._build = build
        self._builtin = builtin
        self._clock = clock
        self._known: Providers | None = None
        self._read_at = 0.0
        self._until = 0.0
        self._built: dict[str, tuple[ProviderSettings, Provider]] = {}

    def default(self) -> str:
        """The model that `default` stands for. Raises NoProviderAvailable."""
        return self._current().default

    def provider(self, name: str) -> Provider:
        """Give a provider, the built-in one without reading the secret. Raises NoProviderAvailable.

        A provider is kept, with its connections, as long as its settings stay the same.
        """
        if name == self._builtin.name:
            return self._builtin
        settings = self._current().providers.get(name) or self._refreshed().providers.get(name)
        if settings is None:
            raise NoProviderAvailable(
                f"The provider {name!r} is not set up in this installation; "
                "name another model in the agent's document, or have the operator add it."
            )
        built = self._built.get(name)
        if built is None or built[0] != settings:
            built = self._built[name] = (settings, self._build(name, settings))
        return built[1]

    def _current(self) -> Providers:
        now = self._clock.monotonic()
        if self._known is None or now >= self._until:
            self._known = self._fresh()
            self._read_at, self._until = now, now + KEEP_S
        return self._known

    def _refreshed(self) -> Providers:
        if self._clock.monotonic() - self._read_at >= KEEP_UNKNOWN_S:
            self._until = 0.0
        return self._current()

    def _fresh(self) -> Providers:
        """Read the secret; what was known stays in use while it cannot be read."""
        try:
            text = self._read().strip()
            return Providers.model_validate_json(text or "{}")
        except (Unavailable, ValidationError) as error:
            reason = _reason(error)
            logger.error("the providers' secret cannot be used", extra={"reason": reason})
            if self._known is not None:
                return self._known
            raise NoProviderAvailable(
                "The model providers' settings cannot be read; the operator finds why in the log.",
                retry_after_s=5,
            ) from None


def _reason(error: Unavailable | ValidationError) -> str:
    """Name what is wrong, never a value: it may be a key."""
    if isinstance(error, Unavailable):
        return error.detail
    faults = error.errors(include_input=False, include_url=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, f['loc']))}: {f['type']}" for f in faults)
