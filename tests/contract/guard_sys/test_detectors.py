"""What every detector promises."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchstack.guard_sys.adapters.in_memory import WordDetector
from orchstack.guard_sys.detectors.patterns import PatternDetector
from orchstack.guard_sys.ports import Detector

KNOWN = "jane.doe@example.com"
DETECTORS: list[Detector] = [PatternDetector(), WordDetector([KNOWN, "jane"])]
segments = st.lists(
    st.one_of(st.just(KNOWN), st.text("a1 @.:+-", max_size=12), st.text(max_size=8)), max_size=8
).map("".join)


@pytest.fixture(params=DETECTORS, ids=lambda detector: type(detector).__name__)
def detector(request: pytest.FixtureRequest) -> Detector:
    """Each detector that ships."""
    found: Detector = request.param
    return found


def test_finds_what_it_knows(detector: Detector) -> None:
    """A match is found with its exact place."""
    spans = detector.find(f"({KNOWN})")

    assert [(1, 1 + len(KNOWN))] == [(span.start, span.end) for span in spans]


def test_finds_nothing_in_nothing(detector: Detector) -> None:
    """An empty or harmless segment has no spans."""
    assert [] == list(detector.find(""))
    assert [] == list(detector.find("harmless"))


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda detector: type(detector).__name__)
@settings(max_examples=200, deadline=None)
@given(segment=segments)
def test_spans_are_in_order_and_apart(detector: Detector, segment: str) -> None:
    """Spans lie in the segment, in order, without overlap, and are the same each time."""
    spans = list(detector.find(segment))

    assert all(0 <= span.start < span.end <= len(segment) for span in spans)
    assert all(one.end <= next_.start for one, next_ in pairwise(spans))
    assert spans == list(detector.find(segment))
