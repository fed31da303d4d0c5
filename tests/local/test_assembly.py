"""The reader of cloud assemblies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orchstack.local.assembly import read_assembly
from orchstack.local.failures import CannotDeploy


def _stack(file: str, *needs: str) -> dict[str, Any]:
    return {
        "type": "aws:cloudformation:stack",
        "properties": {"templateFile": file},
        "dependencies": list(needs),
    }


def _write(folder: Path, artifacts: dict[str, Any], **files: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))


def test_stacks_come_after_those_they_depend_on(tmp_path: Path) -> None:
    """A stack is read after its dependencies, whatever their names are."""
    artifacts = {"A": _stack("a.json", "B"), "B": _stack("b.json", "C"), "C": _stack("c.json")}
    _write(tmp_path, artifacts, a={}, b={}, c={})
    assert ["C", "B", "A"] == [stack.name for stack in read_assembly(tmp_path)]


def test_a_stage_is_an_assembly_inside_the_assembly(tmp_path: Path) -> None:
    """The stacks of a nested assembly are found, with the assets that lie beside them."""
    _write(
        tmp_path,
        {
            "assembly-dev": {
                "type": "cdk:cloud-assembly",
                "properties": {"directoryName": "assembly-dev"},
            }
        },
    )
    nested = tmp_path / "assembly-dev"
    assets = {"type": "cdk:asset-manifest", "properties": {"file": "assets.json"}}
    file = {
        "source": {"path": "asset.1"},
        "destinations": {"local": {"objectKey": "1.zip"}},
    }
    (nested / "asset.1").mkdir(parents=True)
    _write(
        nested,
        {"S": _stack("s.json", "S.assets"), "S.assets": assets},
        s={"Resources": {}},
        assets={"files": {"1": file}},
    )
    (stack,) = read_assembly(tmp_path)
    assert nested / "asset.1" == stack.asset("1.zip")
    assert {"Resources": {}} == stack.template


def test_an_asset_whose_bundling_was_skipped_keeps_its_absolute_path(tmp_path: Path) -> None:
    """An absolute asset path is taken as it is."""
    source = tmp_path / "elsewhere"
    source.mkdir()
    file = {"source": {"path": str(source)}, "destinations": {"local": {"objectKey": "k"}}}
    _write(
        tmp_path / "out",
        {
            "S": _stack("s.json"),
            "S.assets": {"type": "cdk:asset-manifest", "properties": {"file": "assets.json"}},
        },
        s={},
        assets={"files": {"1": file}},
    )
    (stack,) = read_assembly(tmp_path / "out")
    assert source == stack.asset("k")
    with pytest.raises(CannotDeploy, match="no asset has the object key other"):
        stack.asset("other")


@pytest.mark.parametrize(
    ("artifacts", "reason"),
    [
        ({}, "holds no stack"),
        ({"A": _stack("a.json", "B"), "B": _stack("b.json", "A")}, "depend on each other"),
    ],
)
def test_a_broken_assembly_says_why(tmp_path: Path, artifacts: dict[str, Any], reason: str) -> None:
    """An empty assembly and a circle of stacks are refused with the reason."""
    _write(tmp_path, artifacts, a={}, b={})
    with pytest.raises(CannotDeploy, match=reason):
        read_assembly(tmp_path)


def test_no_assembly_says_what_to_do(tmp_path: Path) -> None:
    """A missing manifest names the file and tells to synthesize."""
    with pytest.raises(CannotDeploy, match=r"manifest\.json is missing; synthesize"):
        read_assembly(tmp_path)
