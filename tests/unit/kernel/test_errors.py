from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from orchstack.kernel import errors
from orchstack.kernel.errors import InvalidDocument, OrchStackError, RateLimited


def _tree(root: type[OrchStackError] = OrchStackError) -> Iterator[type[OrchStackError]]:
    yield root
    for child in root.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from _tree(child)


def test_the_drawn_tree_is_the_tree() -> None:
    """The drawing at the top of the file names every error with its status and code."""
    drawn = re.findall(r"(\w+) +(\d{3})  (\w+)", errors.__doc__ or "")
    assert [(e.__name__, str(e.status), e.code) for e in _tree()] == drawn


@pytest.mark.parametrize("error", list(_tree()), ids=lambda e: e.__name__)
def test_an_error_has_a_sentence_on_one_line(error: type[OrchStackError]) -> None:
    """The docstring is the default message, without the source's line breaks."""
    detail = error().detail
    assert detail.endswith(".")
    assert "\n" not in detail
    assert "  " not in detail


def test_what_rides_along_is_kept() -> None:
    """A sentence of one's own, faults, headers and the time to wait are all carried."""
    error = RateLimited("Slow down.", retry_after_s=2, headers={"RateLimit": "x"})
    assert ("Slow down.", 2, {"RateLimit": "x"}) == (
        error.detail,
        error.retry_after_s,
        error.headers,
    )
    assert [{"path": "/a", "message": "b"}] == InvalidDocument(
        faults=[{"path": "/a", "message": "b"}]
    ).faults
