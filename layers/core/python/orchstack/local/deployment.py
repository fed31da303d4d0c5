"""Deploys the stacks of an assembly, one after the other, into the running parts."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError

from orchstack.kernel.plain import JsonObject
from orchstack.local.addresses import Addresses
from orchstack.local.assembly import Stack
from orchstack.local.failures import CannotDeploy
from orchstack.local.resources import registry
from orchstack.local.resources.model import Site
from orchstack.local.template import Created, Resolver, Resource

Outputs = dict[str, JsonObject]


class Deployment:
    """Creates resources and answers what templates look up."""

    def __init__(self, site: Site, addresses: Addresses) -> None:
        """Take the parts to deploy into, and where the gateway will be."""
        self._site = site
        self._addresses = addresses

    def deploy(self, stacks: tuple[Stack, ...]) -> Outputs:
        """Deploy every stack; returns their outputs by stack name."""
        exports: JsonObject = {}
        return {stack.name: Resolver(stack, self, exports).deploy() for stack in stacks}

    def create(self, resource: Resource) -> Created:
        """Create one resource; whatever a service refuses is told with the resource's place."""
        try:
            return registry.create(self._site, resource)
        except (BotoCoreError, ClientError, KeyError) as error:
            raise CannotDeploy(f"{resource}: {type(error).__name__}: {error}") from error

    def secret(self, secret_id: str) -> str:
        """The current value of a secret."""
        answer = self._site.clients.get("secretsmanager").get_secret_value(SecretId=secret_id)
        return str(answer["SecretString"])

    def parameter(self, name: str) -> str:
        """The value of an SSM parameter."""
        answer = self._site.clients.get("ssm").get_parameter(Name=name, WithDecryption=True)
        return str(answer["Parameter"]["Value"])

    def rewrite(self, value: str) -> str:
        """Point an address of API Gateway to the local gateway."""
        return self._addresses.rewrite(value)
