"""Which model `make up` answers with: what was wished for, else the best that is found here."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from orchstack.kernel.errors import InvalidRequest
from orchstack.kernel.plain import JsonObject
from orchstack.llm_router.model import BUILTIN, ECHO
from orchstack.local.llm.loopback import ask
from orchstack.local.llm.serve import MODEL as SMALL_MODEL
from orchstack.local.llm.serve import WINDOW as SMALL_MODEL_WINDOW

OLLAMA: Final = "http://127.0.0.1:11434"
SMALL: Final = "smollm2"

_PROBE_WITHIN_S: Final = 0.3


@dataclass(frozen=True)
class _Hosted:
    """A hosted provider: the variable of its key, where it speaks OpenAI's API, a modest model."""

    variable: str
    base_url: str
    model: str


_HOSTED: Final = {
    "openai": _Hosted("OPENAI_API_KEY", "https://api.openai.com/v1", "gpt-5-mini"),
    "anthropic": _Hosted("ANTHROPIC_API_KEY", "https://api.anthropic.com/v1", "claude-haiku-4-5"),
    "gemini": _Hosted(
        "GEMINI_API_KEY",
        "https://generativelanguage.googleapis.com/v1beta/openai",
        "gemini-2.5-flash",
    ),
}


@dataclass(frozen=True)
class Discovery:
    """The text for the providers' secret (it holds keys), and a sentence for the terminal."""

    secret: str = field(repr=False)
    sentence: str
    default: str


def discover(
    environ: Mapping[str, str],
    *,
    wish: str = "",
    small_model: Callable[[], str] | None = None,
    ollama: str = OLLAMA,
) -> Discovery:
    """Find providers and choose the default model.

    `wish` is empty, `smollm2`, `builtin`, a provider's name or `<provider>/<model>`; `small_model`
    starts the small model's server and gives its base address. Raises InvalidRequest if the wish
    cannot be fulfilled.
    """
    found = _hosted(environ) | _ollama(ollama)
    if wish == SMALL and small_model is not None:
        address = {
            "base_url": small_model(),
            "tools": "schema",
            "context_window": SMALL_MODEL_WINDOW,
        }
        found[SMALL] = (address, SMALL_MODEL, "the small local model, in a process of this stack")
    default, reason = _default(found, wish)
    providers = {name: settings for name, (settings, _, _) in found.items()}
    return Discovery(
        secret=json.dumps({"default": default, "providers": providers}),
        sentence=f"{default} answers: {reason}.",
        default=default,
    )


# Settings for the secret, the model to use, and why it is there.
_Found = tuple[JsonObject, str, str]


def _hosted(environ: Mapping[str, str]) -> dict[str, _Found]:
    return {
        name: (
            {"base_url": hosted.base_url, "api_key": environ[hosted.variable]},
            hosted.model,
            f"{hosted.variable} is set",
        )
        for name, hosted in _HOSTED.items()
        if environ.get(hosted.variable)
    }


def _ollama(address: str) -> dict[str, _Found]:
    """The Ollama on this machine, if it has a model; the one that was changed last."""
    try:
        models = json.loads(ask(f"{address}/api/tags", _PROBE_WITHIN_S) or b"{}")["models"]
        newest = max(models, key=lambda model: str(model.get("modified_at", "")))
        name = str(newest["name"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
    return {"ollama": ({"base_url": f"{address}/v1"}, name, f"Ollama runs on {address}")}


def _default(found: Mapping[str, _Found], wish: str) -> tuple[str, str]:
    provider, _, model = wish.partition("/")
    if not wish and not found:
        return ECHO, "it is built in, deterministic, and needs no key"
    if provider == BUILTIN:
        return ECHO, "you asked for the built-in deterministic model"
    chosen = provider or next(iter(found))
    if chosen not in found:
        ways = ", ".join(hosted.variable for hosted in _HOSTED.values())
        raise InvalidRequest(
            f"There is no provider {chosen!r} here; set one of {ways}, start Ollama, "
            f"or choose {SMALL} or {BUILTIN}."
        )
    _, usual, reason = found[chosen]
    return f"{chosen}/{model or usual}", reason
