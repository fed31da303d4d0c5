"""What a provider of a resource type is, and what it has to work with."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from orchstack.kernel.plain import JsonMapping, JsonObject
from orchstack.local.custom_resources import CustomResources
from orchstack.local.local_functions import LocalFunctions
from orchstack.local.postgres import Postgres
from orchstack.local.queues import EventSource
from orchstack.local.resources.apis import ApiPlans
from orchstack.local.state.clients import Clients
from orchstack.local.template import ACCOUNT, REGION, Created, Resource
from orchstack.local.valkey import ValkeyServer


@dataclass
class Site:
    """The running parts that resources are made in, and what they leave for later."""

    clients: Clients
    functions: LocalFunctions
    custom_resources: CustomResources
    postgres: Postgres
    valkey: ValkeyServer
    apis: ApiPlans = field(default_factory=ApiPlans)
    event_sources: list[EventSource] = field(default_factory=list)
    layers: dict[str, Path] = field(default_factory=dict)


Provider = Callable[[Site, Resource], Created]


@dataclass(frozen=True)
class Emulated:
    """A type that is really there; `differs` says in which way it is not as on AWS."""

    create: Provider
    differs: str = ""


Providers = Mapping[str, Emulated]


def arn(service: str, resource: str, *, region: str = REGION, account: str = ACCOUNT) -> str:
    """The ARN of something here."""
    return f"arn:aws:{service}:{region}:{account}:{resource}"


def physical_name(resource: Resource, given: str, limit: int) -> str:
    """The name a resource was given, or a stable one that is not longer than its service allows."""
    name: str = resource.properties.get(given) or resource.name
    if len(name) <= limit:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: limit - 9]}-{digest}"


def chosen(properties: JsonMapping, *names: str) -> JsonObject:
    """Those of the named properties that are given."""
    return {name: properties[name] for name in names if name in properties}
