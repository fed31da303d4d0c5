"""Both stages, synthesized once a session with all checks."""

from __future__ import annotations

import pytest

from infra_cdk.stages import DEV, PROD
from tests.infra.assembly import Assembly, synthesize

# The base layer stays a folder here; tests/infra/test_package.py builds it.
UNBUNDLED: dict[str, list[str]] = {"aws:cdk:bundling-stacks": []}


# First, because xdist reads the groups in the same hook.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep these tests in one process: each process would start the CDK anew."""
    for item in items:
        if "tests/infra/" in item.path.as_posix():
            item.add_marker(pytest.mark.xdist_group("infra"))


@pytest.fixture(scope="session")
def assemblies(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Assembly]:
    """Every stage by its name."""
    folder = tmp_path_factory.mktemp("assemblies")
    return {
        stage.name: synthesize(stage, folder / stage.name, **UNBUNDLED) for stage in (DEV, PROD)
    }


@pytest.fixture(params=["dev", "prod"])
def assembly(request: pytest.FixtureRequest, assemblies: dict[str, Assembly]) -> Assembly:
    """One stage after the other."""
    return assemblies[request.param]


@pytest.fixture
def dev(assemblies: dict[str, Assembly]) -> Assembly:
    """The stage that the local cloud runs too."""
    return assemblies["dev"]
