"""`make compat`: the unit tests on the Python that Lambda runs, where this machine has one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.house.source import ROOT

VERSION = "3.13"
HOME = ROOT / "build" / f"python{VERSION}"


def candidates() -> Iterator[str]:
    """Where such an interpreter may be: on the path, or among pyenv's."""
    found = shutil.which(f"python{VERSION}")
    if found is not None:
        yield found
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    for home in sorted(pyenv.glob(f"versions/{VERSION}*")):
        yield str(home / "bin" / "python")


def works(interpreter: str) -> bool:
    """Whether it starts; a version manager's stand-in may not."""
    done = subprocess.run([interpreter, "-c", ""], capture_output=True, check=False)  # noqa: S603
    return done.returncode == 0


def main() -> int:
    """Run the unit tests; gives pytest's exit code, or 0 with a word if there is no interpreter."""
    interpreter = next(filter(works, candidates()), None)
    if interpreter is None:
        sys.stdout.write(f"skipped: no Python {VERSION} on this machine for the unit tests\n")
        return 0
    uv = str(Path(sys.executable).with_name("uv"))
    into = {**os.environ, "VIRTUAL_ENV": str(HOME)}
    for command in (
        [uv, "venv", "-q", "--clear", "-p", interpreter, str(HOME)],
        [uv, "pip", "sync", "-q", "--require-hashes", str(ROOT / "requirements.lock")],
        [str(HOME / "bin" / "python"), "-m", "pytest", "-q", "-n", "2", "tests/unit"],
    ):
        done = subprocess.run(command, cwd=ROOT, env=into, check=False)  # noqa: S603
        if done.returncode != 0:
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
