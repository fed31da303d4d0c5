"""The layers: locked, for Lambda's processor, small, and the same bytes each time."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from infra_cdk.app import ROOT
from infra_cdk.constructs.python_function import FUNCTIONS
from infra_cdk.package import CORE, REQUIREMENTS, build_base_layer, install, size
from tests.infra.assembly import Assembly

MEGABYTE = 1_000_000
PIN = re.compile(r"^([a-z0-9-]+)(?:\[.+\])?==(\S+)", re.MULTILINE)


def _fingerprint(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_base_layer_is_of_the_lock() -> None:
    """The layer has every library the functions need, in the versions everything is tested with."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = {re.split(r"[\[=<>~ ]", name)[0] for name in project["dependencies"]}
    layer = dict(PIN.findall(REQUIREMENTS.read_text()))
    lock = dict(PIN.findall((ROOT / "requirements.lock").read_text()))

    assert needed <= set(layer)
    assert layer == {name: lock[name] for name in layer}


def test_the_streaming_runtime_is_started_in_place_of_lambdas() -> None:
    """The wrapper runs our runtime with the interpreter that Lambda names."""
    wrapper = CORE / "orchstack-stream"
    started = subprocess.run(  # noqa: S603 - our own script
        [wrapper, "/bin/echo", "/var/runtime/bootstrap.py"],
        check=True,
        capture_output=True,
        text=True,
    )

    assert os.access(wrapper, os.X_OK)
    assert "-m orchstack.kernel.stream_runtime\n" == started.stdout


def test_the_core_layer_leaves_the_laptops_part_at_home(dev: Assembly) -> None:
    """The deployed package has neither the local cloud, the command, nor the client."""
    packages = [
        path.name for path in dev.folder.glob("asset.*/python/orchstack/*") if path.is_dir()
    ]

    assert {"kernel", "wiring"} <= set(packages)
    assert set() == {"cli", "local", "sdk", "__pycache__"} & set(packages)


@pytest.mark.slow
def test_the_base_layer_is_built_alike_each_time(tmp_path: Path) -> None:
    """Two builds of one lock have the same files with the same bytes."""
    first, second = tmp_path / "first", tmp_path / "second"
    install(first)
    install(second)

    assert _fingerprint(first) == _fingerprint(second)
    assert _fingerprint(first) == _fingerprint(build_base_layer())


@pytest.mark.slow
def test_native_code_is_lambdas(tmp_path: Path) -> None:
    """Every compiled module of the layer is for arm64 and Python 3.13, or for any Python 3."""
    install(tmp_path)
    compiled = [path.name for path in (tmp_path / "python").rglob("*.so")]

    assert compiled
    for name in compiled:
        assert "cpython-313-aarch64-linux-gnu" in name or name.endswith(".abi3.so")


@pytest.mark.slow
def test_functions_fit_lambda() -> None:
    """A function and its layers take 200 MB unzipped at most; Lambda's limit is 250."""
    largest = max(size(folder) for folder in FUNCTIONS.iterdir() if folder.is_dir())
    total = size(build_base_layer()) + size(CORE) + largest

    assert total <= 200 * MEGABYTE
