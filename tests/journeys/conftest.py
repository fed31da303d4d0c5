"""One local cloud for all journeys, run from the synthesized template."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.cloud import Caller, RunningCloud, running_cloud, synthesize

HERE = Path(__file__).parent


# First, because xdist reads the groups in the same hook.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the journeys in one worker, so that one cloud serves them all."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.journey)
            item.add_marker(pytest.mark.xdist_group("cloud"))


@pytest.fixture(scope="session")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The development stage, synthesized for the local cloud."""
    return synthesize(tmp_path_factory.mktemp("assembly") / "cdk.out")


@pytest.fixture(scope="session")
def cloud(assembly: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    """A local cloud that answers."""
    with running_cloud(assembly, tmp_path_factory.mktemp("state") / "orchstack") as running:
        yield running


@pytest.fixture
def tenant(cloud: RunningCloud) -> Caller:
    """A fresh tenant with a key that may do everything a tenant may."""
    return cloud.tenant(f"journey {uuid4()}")
