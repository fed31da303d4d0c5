"""Builds the base layer: the locked libraries for Lambda, without Docker, the same bytes each time.

`python -m infra_cdk.package` builds it, once for each lock, and says where it is and how large.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CORE = ROOT / "layers" / "core"
BASE = ROOT / "layers" / "base"
REQUIREMENTS = BASE / "requirements.txt"
BUILT = ROOT / "build" / "layers"
# manylinux_2_28 is Lambda's glibc; with manylinux2014 the resolver would take older wheels.
PLATFORM = "aarch64-manylinux_2_28"
PYTHON = "3.13"
# What differs from one installation to the next, or serves only one.
VARYING = (
    "bin",
    ".lock",
    "**/__pycache__",
    "**/RECORD",
    "**/INSTALLER",
    "**/REQUESTED",
    "**/direct_url.json",
)
INSTALL_SECONDS = 600


def uv() -> str:
    """Return the path of uv, beside this Python or on PATH; raises FileNotFoundError."""
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.is_file() else shutil.which("uv")
    if found is None:
        raise FileNotFoundError(
            "uv is missing: run this from the virtual environment that `make` sets up"
        )
    return found


def fingerprint() -> str:
    """Return the hash that names a build: of the lock, and of how it is installed."""
    recipe = "\n".join([PLATFORM, PYTHON, *VARYING, REQUIREMENTS.read_text()])
    return hashlib.sha256(recipe.encode()).hexdigest()


def build_base_layer() -> Path:
    """Return the folder of the built base layer, building it if this lock was not built yet."""
    target = BUILT / f"base-{fingerprint()[:16]}"
    if not target.is_dir():
        unfinished = target.with_name(f"{target.name}.{os.getpid()}")
        install(unfinished)
        unfinished.rename(target)
    return target


def _without_bytecode() -> dict[str, str]:
    # The layer takes none; uv refuses to be told otherwise by the machine at the same time.
    return {name: value for name, value in os.environ.items() if name != "UV_COMPILE_BYTECODE"}


def install(target: Path) -> None:
    """Install the locked arm64 wheels below `target`/python, and drop what varies."""
    python = target / "python"
    subprocess.run(  # noqa: S603  # our own arguments, no shell
        [
            uv(),
            "pip",
            "install",
            "--quiet",
            "--target",
            str(python),
            "--require-hashes",
            "--python-platform",
            PLATFORM,
            "--python-version",
            PYTHON,
            "--only-binary",
            ":all:",
            "--no-compile",
            "--link-mode",
            "copy",
            "-r",
            str(REQUIREMENTS),
        ],
        env=_without_bytecode(),
        check=True,
        timeout=INSTALL_SECONDS,
    )
    for pattern in VARYING:
        for path in sorted(python.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def size(folder: Path) -> int:
    """Return how many bytes the files below `folder` hold."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def main() -> None:
    """Build the base layer and say where it is."""
    layer = build_base_layer()
    print(f"{layer.relative_to(ROOT)}: {size(layer) / 1e6:.1f} MB")  # noqa: T201  # the answer of a command


if __name__ == "__main__":
    main()
