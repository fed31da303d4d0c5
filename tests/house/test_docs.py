"""The documentation keeps up with the house."""

from __future__ import annotations

import re

import pytest

from tests.house.generate import LOCAL_CLOUD, local_cloud
from tests.house.source import ROOT

_LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")
PAGES = sorted((*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")))


def test_the_list_of_emulated_types_is_current() -> None:
    """docs/local-cloud.md is what `make generate` writes."""
    assert local_cloud() == LOCAL_CLOUD.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: object) -> None:
    """Each relative link of a page names a file that exists."""
    path = ROOT / str(page)
    links = _LINK.findall(path.read_text(encoding="utf-8"))

    assert [] == [link for link in links if not (path.parent / link).exists()]


def test_each_make_target_is_explained() -> None:
    """Every command of the Makefile says what it does, and the README names the two main ones."""
    targets = re.findall(r"^([a-z]+):(.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)

    assert [] == [name for name, rest in targets if "## " not in rest]
    assert {"make up", "make test"} <= set(
        re.findall(r"make \w+", (ROOT / "README.md").read_text())
    )
