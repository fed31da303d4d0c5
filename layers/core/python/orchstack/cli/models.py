"""Which model the local cloud answers with, and telling the model router so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchstack.local.cloud import CloudInfo

BUILTIN = "builtin/echo"


@dataclass(frozen=True)
class Model:
    """What answers: a sentence for people, and the document of the providers' secret."""

    label: str
    providers: str


@contextmanager
def chosen_model(name: str | None) -> Iterator[Model]:
    """Find the model that is named, or the best that is there, for the length of the block."""
    yield Model(f"{name or BUILTIN} (built in, deterministic)", "{}")


def keep_providers(info: CloudInfo, model: Model) -> None:
    """Put the providers' document where the template says that the router reads it."""
    from orchstack.local.state.clients import Clients

    named = next(o for o in info.outputs.values() if "ProvidersSecret" in o)
    clients = Clients(info.aws_endpoint)
    try:
        clients.get("secretsmanager").put_secret_value(
            SecretId=named["ProvidersSecret"], SecretString=model.providers
        )
    finally:
        clients.close()
