"""The router with its providers: built in, or over OpenAI's chat API as the secret names them."""

from __future__ import annotations

from functools import cache

from orchstack.kernel.aws import secret_text
from orchstack.kernel.clock import SystemClock
from orchstack.kernel.settings import ProvidersSettings, load
from orchstack.llm_router.adapters.builtin import BuiltinModel
from orchstack.llm_router.adapters.price_list import PriceList
from orchstack.llm_router.adapters.secret_directory import SecretDirectory
from orchstack.llm_router.model import ProviderSettings
from orchstack.llm_router.ports import Provider
from orchstack.llm_router.service import LlmRouter
from orchstack.wiring.blobs import blobs


@cache
def llm_router() -> LlmRouter:
    """The way to every model; asks for the providers' secret when a model first needs it."""
    clock = SystemClock()
    directory = SecretDirectory(_providers, build_provider, BuiltinModel(), clock)
    return LlmRouter(directory=directory, prices=PriceList(), pictures=blobs(), clock=clock)


def _providers() -> str:
    return secret_text(load(ProvidersSettings).secret_arn)


def build_provider(name: str, settings: ProviderSettings) -> Provider:
    """Make a provider; the HTTP client is loaded here, so the built-in model starts without it."""
    from orchstack.llm_router.adapters.openai_wire.schema_tools import SchemaTools
    from orchstack.llm_router.adapters.openai_wire.wire import OpenAiWire

    wire = OpenAiWire(name, settings, SystemClock())
    return SchemaTools(wire) if settings.tools == "schema" else wire
