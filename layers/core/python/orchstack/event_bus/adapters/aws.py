"""How this service's boto3 clients are made: on first use, and never waiting long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from botocore.config import Config

# boto3's stubs know only a few services; of these clients we use one or two methods each.
Client = Any


def impatient() -> Config:
    """Give up connecting after 2 s and reading after 3 s; one retry."""
    from botocore.config import Config

    return Config(
        connect_timeout=2,
        read_timeout=3,
        retries={"total_max_attempts": 2, "mode": "standard"},
    )


def client(service: str, *, endpoint: str | None = None) -> Client:
    """Make a client of the service, at its own endpoint if one is given."""
    import boto3

    make: Client = boto3.client
    return make(service, endpoint_url=endpoint, config=impatient())
