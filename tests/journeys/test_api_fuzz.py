"""The API under random requests: no server error, and no answer that its description denies."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cloud import Caller, RunningCloud

EXAMPLES = 200
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_schema_conformance,response_headers_conformance,negative_data_rejection"
)


def _fuzz(caller: Caller, report: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{caller.url}/openapi.json"),
        *("--header", f"Authorization: Bearer {caller.key}", "--max-examples", str(EXAMPLES)),
        *("--checks", CHECKS, "--phases", "examples,coverage,fuzzing", "--no-color"),
        *("--report-ndjson-path", str(report), "--continue-on-failure", *options),
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_a_tenants_api_holds_its_promises(tenant: Caller, tmp_path: Path) -> None:
    """200 examples per operation with a tenant's key: no 5xx, no schema violation."""
    result = _fuzz(tenant, tmp_path / "report.ndjson")

    assert 0 == result.returncode, result.stdout[-6000:]


@pytest.mark.slow
def test_the_platforms_api_holds_its_promises(cloud: RunningCloud, tmp_path: Path) -> None:
    """The operations on tenants, with the platform's key: no 5xx, no schema violation."""
    only = ("--include-path", "/v1/tenants")
    result = _fuzz(cloud.platform, tmp_path / "report.ndjson", *only)

    assert 0 == result.returncode, result.stdout[-6000:]


def test_the_description_is_complete(tenant: Caller) -> None:
    """Each operation says what it answers, refusals included."""
    described = tenant.get("/openapi.json").body
    operations = [op for path in described["paths"].values() for op in path.values()]

    assert described["openapi"].startswith("3.1")
    assert [] == [o["operationId"] for o in operations if len(o["responses"]) < 2]
    assert "os_live_" not in json.dumps(described.get("servers", []))
