"""A synthesized stage, as the tests look at it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from aws_cdk import App

from infra_cdk.app import build, context
from infra_cdk.nag import check
from infra_cdk.stages import Stage

Properties = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One resource of a template."""

    stack: str
    id: str
    type: str
    properties: Properties
    whole: dict[str, Any]


@dataclass(frozen=True)
class Assembly:
    """The folder a stage was synthesized into."""

    stage: Stage
    folder: Path

    @cached_property
    def templates(self) -> dict[str, dict[str, Any]]:
        """Give the templates by the last word of their stack's name."""
        found = sorted(self.folder.glob("*.template.json"))
        return {
            path.name.removesuffix(".template.json").rpartition("-")[2]: json.loads(
                path.read_text()
            )
            for path in found
        }

    @cached_property
    def resources(self) -> tuple[Resource, ...]:
        """Give every resource of every stack."""
        return tuple(
            Resource(
                stack=stack,
                id=name,
                type=resource["Type"],
                properties=resource.get("Properties", {}),
                whole=resource,
            )
            for stack, template in self.templates.items()
            for name, resource in template["Resources"].items()
        )

    def of(self, kind: str) -> list[Resource]:
        """Give the resources of one type."""
        return [resource for resource in self.resources if resource.type == kind]

    def one(self, kind: str) -> Resource:
        """Give the only resource of a type."""
        (found,) = self.of(kind)
        return found

    def get(self, name: str) -> Resource:
        """Give the resource with a logical id."""
        (found,) = [resource for resource in self.resources if resource.id == name]
        return found


def synthesize(stage: Stage, folder: Path, **overrides: Any) -> Assembly:
    """Synthesize a stage with all checks, as `make synth` does; raises on an open finding."""
    app = App(outdir=str(folder), context={**context(), **overrides}, analytics_reporting=False)
    check(app)
    build(app, stage).synth()
    return Assembly(stage, folder)


def render(value: Any) -> str:
    """Write a value of a template as text, what is only known at deployment as its name."""
    match value:
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(render(part) for part in parts)
        case {"Fn::GetAtt": [name, attribute]}:
            return f"<{name}.{attribute}>"
        case {"Ref": name}:
            return f"<{name}>"
        case {"Fn::ImportValue": name}:
            return f"<{name}>"
        case str():
            return value
        case _:
            return json.dumps(value, sort_keys=True)


def listed(value: Any) -> list[Any]:
    """Give a list as it is, and anything else as a list of one."""
    return value if isinstance(value, list) else [value]
