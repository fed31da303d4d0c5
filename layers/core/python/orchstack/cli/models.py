"""Which model the local cloud answers with, and telling the model router so."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchstack.local.cloud import CloudInfo


@dataclass(frozen=True)
class Model:
    """What answers: a sentence for people, and the document of the providers' secret."""

    sentence: str
    providers: str = field(repr=False)


@contextmanager
def chosen_model(name: str | None) -> Iterator[Model]:
    """Find the model that is named, or the best that is there, for the length of the block.

    Raises InvalidRequest if the named model's provider is not there.
    """
    from orchstack.local.llm.discover import discover
    from orchstack.local.llm.server import SmallModelServer

    small = SmallModelServer()
    try:
        found = discover(os.environ, wish=name or "", small_model=small.start)
        yield Model(found.sentence, found.secret)
    finally:
        small.stop()


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
