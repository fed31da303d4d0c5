"""CPU time that importing each handler takes, in a fresh interpreter: what a cold start pays."""

from __future__ import annotations

import subprocess
import sys

from tests.house.source import FUNCTIONS, ROOT

TRIES = 3
_PROBE = (
    "import sys, time, importlib; sys.path[:0] = sys.argv[2:]; before = time.process_time();"
    "importlib.import_module(sys.argv[1]); print((time.process_time() - before) * 1000)"
)


def handlers() -> list[tuple[str, str]]:
    """Every handler as (service, module)."""
    files = sorted(FUNCTIONS.glob("*/*.py"))
    return [(p.parent.name, p.stem) for p in files if p.stem != "__init__"]


def cpu_ms(service: str, module: str) -> float:
    """Milliseconds of CPU that importing one handler takes, the best of three."""
    paths = [str(FUNCTIONS / service), str(ROOT / "layers/core/python")]
    command = [sys.executable, "-c", _PROBE, module, *paths]
    return min(
        float(subprocess.run(command, capture_output=True, check=True, text=True).stdout)  # noqa: S603
        for _ in range(TRIES)
    )


def table() -> list[tuple[str, float]]:
    """Each handler with its milliseconds, the slowest first."""
    rows = [(f"{service}/{module}", cpu_ms(service, module)) for service, module in handlers()]
    return sorted(rows, key=lambda row: -row[1])
