"""Every resource type the local cloud knows; any other fails the deployment by name."""

from __future__ import annotations

from collections.abc import Iterator

from orchstack.local.failures import CannotDeploy
from orchstack.local.resources import compute, data, messaging, rest, security, stubs
from orchstack.local.resources.model import Providers, Site
from orchstack.local.template import Created, Resource

_CUSTOM = ("AWS::CloudFormation::CustomResource", "Custom::")

EMULATED: Providers = {
    **compute.PROVIDERS,
    **data.PROVIDERS,
    **messaging.PROVIDERS,
    **rest.PROVIDERS,
    **security.PROVIDERS,
}


def create(site: Site, resource: Resource) -> Created:
    """Create one resource; raises CannotDeploy, naming a type that is not known."""
    if resource.type in EMULATED:
        return EMULATED[resource.type].create(site, resource)
    if resource.type in stubs.STUBS:
        return stubs.create(resource)
    if resource.type.startswith(_CUSTOM):
        return site.custom_resources.create(resource)
    raise CannotDeploy(
        f"{resource.stack.name}/{resource.logical_id}: {resource.type} is not known locally; "
        "write a provider for it in orchstack/local/resources, or list it as a stub"
    )


def types_as_markdown() -> str:
    """The list of types for the documentation."""
    rows = ["| type | here | how it differs from AWS |", "|---|---|---|", *_rows()]
    return "\n".join(rows)


def _rows() -> Iterator[str]:
    custom = "the function is invoked at each start, always for a Create"
    known = {name: ("emulated", kind.differs) for name, kind in EMULATED.items()}
    known |= {name: ("stubbed", why) for name, why in stubs.STUBS.items()}
    known |= {"AWS::CloudFormation::CustomResource, Custom::*": ("emulated", custom)}
    for name in sorted(known):
        here, differs = known[name]
        yield f"| {name} | {here} | {differs} |"
