"""The assembly that the local cloud runs: synthesized anew when what it is made of changed."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import orchstack

SYNTH_SECONDS = 300
_PACKAGE = Path(orchstack.__file__).parent
# Their content decides the template …
_INPUTS = (
    "infra_cdk/**/*.py",
    "statemachines/**/*.json",
    "layers/core/orchstack-stream",
    "layers/base/requirements.txt",
    "layers/core/python/orchstack/kernel/**/*",
    "layers/core/python/orchstack/*/api.py",
    "layers/core/python/orchstack/wiring/catalogue.py",
    "cdk.json",
    "requirements.lock",
)
# … and of these their names: a function is deployed because its file exists.
_NAMES = ("functions/*/*.py",)


class NoSources(Exception):
    """The folder of the sources, from which the template is made, is not there."""


class SynthesisFailed(Exception):
    """The CDK app did not succeed; the message is what it said."""


def project_root() -> Path:
    """Find the checkout: where the package was installed from, or this folder. Raises NoSources."""
    for folder in (_PACKAGE.parents[3], Path.cwd()):
        if (folder / "infra_cdk" / "app.py").is_file():
            return folder
    raise NoSources("There is no infra_cdk here; run this inside a checkout of OrchStack.")


def fingerprint(root: Path) -> str:
    """Hash all that the template is made of."""
    digest = hashlib.sha256(sys.version.encode())
    for path in _files(root, _INPUTS):
        digest.update(f"{path.relative_to(root)}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    for path in _files(root, _NAMES):
        digest.update(f"{path.relative_to(root)}\0".encode())
    return digest.hexdigest()


def up_to_date(root: Path, target: Path) -> bool:
    """Whether the assembly in `target` is what a synthesis would give."""
    stamp = _stamp(target)
    return target.is_dir() and stamp.is_file() and stamp.read_text() == fingerprint(root)


def synthesize(root: Path, target: Path) -> None:
    """Make the assembly anew; it takes some ten seconds. Raises SynthesisFailed."""
    wanted = fingerprint(root)
    draft = target.with_name(f"{target.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    command = [sys.executable, "infra_cdk/app.py", "--local", "--output", str(draft.absolute())]
    done = subprocess.run(  # noqa: S603  # our own program
        command, cwd=root, capture_output=True, text=True, timeout=SYNTH_SECONDS, check=False
    )
    if done.returncode:
        raise SynthesisFailed(done.stderr.strip() or done.stdout.strip())
    _stamp(target).unlink(missing_ok=True)
    shutil.rmtree(target, ignore_errors=True)
    draft.rename(target)
    _stamp(target).write_text(wanted)


def _stamp(target: Path) -> Path:
    return target.with_name(f"{target.name}.sha256")


def _files(root: Path, patterns: tuple[str, ...]) -> Iterator[Path]:
    for pattern in patterns:
        for path in sorted(root.glob(pattern)):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path
