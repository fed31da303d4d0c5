"""The bars of a rollback, seeded: soon when a canary is worse, hardly ever when it is not."""

from __future__ import annotations

import pytest

from tests.bench.canary import REGRESSIONS, SAME, SOON, Case, measure

FOUND = [case for case in REGRESSIONS if case.canary >= 0.6 or case.dearer >= 3]


@pytest.mark.parametrize("case", FOUND, ids=lambda c: f"{c.name}, {c.weight:.0%}")
def test_a_worse_version_is_rolled_back_soon(case: Case) -> None:
    """Within fifty of its runs, at a tenth of the sessions and at half of them."""
    assert measure(case, canaries=100, longest=SOON).share >= 0.9


@pytest.mark.parametrize("case", SAME, ids=lambda c: c.name)
def test_a_version_that_is_the_same_stays(case: Case) -> None:
    """Of ten canaries none is rolled back; `make bench` plays many more, and to their end."""
    assert measure(case, canaries=10, longest=200).share == 0
