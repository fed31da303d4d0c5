"""What every function stands on, and the names both sides of the environment agree on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import aws_lambda as lambda_

from infra_cdk.constructs.database import DATABASE_NAME
from infra_cdk.stacks.data import DataStack
from infra_cdk.stacks.network import DATABASE_PORT, NetworkStack
from infra_cdk.stages import Stage

APP = "orchstack_app"
PLATFORM = "orchstack_platform"
SIGNED_IN_BY_TOKEN = (APP, PLATFORM)


@dataclass(frozen=True, kw_only=True)
class House:
    """The stage, the stacks below, and the layers of the functions' own stack."""

    stage: Stage
    network: NetworkStack
    data: DataStack
    layers: Sequence[lambda_.ILayerVersion]

    def environment(self, user: str) -> dict[str, str]:
        """Return where a function that signs in as `user` finds the database and the cache."""
        cache = self.data.cache
        return {
            "ORCHSTACK_DATABASE_HOST": self.data.database.cluster_endpoint.hostname,
            "ORCHSTACK_DATABASE_PORT": str(DATABASE_PORT),
            "ORCHSTACK_DATABASE_NAME": DATABASE_NAME,
            "ORCHSTACK_DATABASE_USER": user,
            "ORCHSTACK_DATABASE_AUTH": "iam",
            "ORCHSTACK_DATABASE_TLS": "verify-full",
            "ORCHSTACK_CACHE_HOST": cache.attr_endpoint_address,
            "ORCHSTACK_CACHE_PORT": cache.attr_endpoint_port,
            "ORCHSTACK_CACHE_TLS": "true",
            # Without NAT, AWS is reached over IPv6 only.
            **({} if self.stage.nat_gateways else {"AWS_USE_DUALSTACK_ENDPOINT": "true"}),
        }
