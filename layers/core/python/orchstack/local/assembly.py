"""Reads a cloud assembly (the folder `cdk synth` writes): its stacks in order, and their assets.

A stage is an assembly inside the assembly; asset paths are relative to the assembly they stand in,
or absolute where bundling was skipped.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from orchstack.kernel.plain import JsonMapping, JsonObject
from orchstack.local.failures import CannotDeploy

_STACK = "aws:cloudformation:stack"
_ASSETS = "cdk:asset-manifest"
_NESTED = "cdk:cloud-assembly"


@dataclass(frozen=True)
class Stack:
    """One CloudFormation stack: its template and where the assets it names by object key lie."""

    name: str
    template_file: Path
    assets: Mapping[str, Path]
    parameters: Mapping[str, str]

    @cached_property
    def template(self) -> JsonObject:
        """The synthesized template."""
        return _load(self.template_file)

    def asset(self, object_key: str) -> Path:
        """The file or folder behind an asset's object key; raises CannotDeploy if there is none."""
        try:
            path = self.assets[object_key]
        except KeyError:
            raise CannotDeploy(f"{self.name}: no asset has the object key {object_key}") from None
        if not path.exists():
            raise CannotDeploy(f"{self.name}: the asset {path} is missing; synthesize again")
        return path


def read_assembly(folder: Path) -> tuple[Stack, ...]:
    """Read all stacks of the assembly and of those nested in it, dependencies first."""
    stacks = tuple(_stacks(folder.absolute()))
    if not stacks:
        raise CannotDeploy(f"{folder} holds no stack")
    return stacks


def _stacks(folder: Path) -> Iterator[Stack]:
    artifacts = _load(folder / "manifest.json").get("artifacts", {})
    assets = _assets(folder, artifacts)
    for artifact_id in _in_order(artifacts):
        artifact = artifacts[artifact_id]
        properties = artifact.get("properties", {})
        if artifact["type"] == _NESTED:
            yield from _stacks(folder / properties["directoryName"])
        elif artifact["type"] == _STACK:
            yield Stack(
                name=properties.get("stackName", artifact_id),
                template_file=folder / properties["templateFile"],
                assets=assets,
                parameters=properties.get("parameters", {}),
            )


def _in_order(artifacts: JsonMapping) -> Iterator[str]:
    graph = {name: artifacts[name].get("dependencies", ()) for name in sorted(artifacts)}
    try:
        ordered = tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise CannotDeploy(f"stacks depend on each other: {' -> '.join(error.args[1])}") from None
    return (name for name in ordered if name in artifacts)


def _assets(folder: Path, artifacts: JsonMapping) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for artifact in artifacts.values():
        if artifact["type"] != _ASSETS:
            continue
        for file in _load(folder / artifact["properties"]["file"]).get("files", {}).values():
            # Joining an absolute path yields that path: the asset of a skipped bundling.
            path = folder / file["source"]["path"] if "path" in file["source"] else folder
            for destination in file["destinations"].values():
                found[destination["objectKey"]] = path
    return found


def _load(file: Path) -> JsonObject:
    try:
        document: JsonObject = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        raise CannotDeploy(f"{file} is missing; synthesize the assembly first") from None
    except json.JSONDecodeError as error:
        raise CannotDeploy(f"{file} is not JSON: {error}") from None
    return document
