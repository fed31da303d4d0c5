from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from orchstack.kernel.errors import InvalidCursor
from orchstack.kernel.pagination import (
    PageQuery,
    decode_cursor,
    encode_cursor,
    paginate,
)


@given(position=st.text(max_size=200))
def test_a_cursor_gives_back_its_position(position: str) -> None:
    """Any position survives the way through a cursor, which is safe in a URL."""
    cursor = encode_cursor("runs", position)
    assert set(cursor) <= set(string.ascii_letters + string.digits + "-_")
    assert position == decode_cursor("runs", cursor)


@given(cursor=st.one_of(st.text(max_size=60), st.from_regex(r"[\w-]{0,60}", fullmatch=True)))
def test_an_invented_cursor_is_refused(cursor: str) -> None:
    """Whatever somebody types in, it is an InvalidCursor and nothing else."""
    with pytest.raises(InvalidCursor):
        decode_cursor("runs", cursor)


@given(at=st.integers(min_value=0, max_value=30), to=st.sampled_from(string.ascii_letters))
def test_a_mistyped_cursor_is_refused(at: int, to: str) -> None:
    """One changed letter is noticed, the padding bits of the last one included."""
    cursor = encode_cursor("runs", "0198c5a0-0000-7000-8000-000000000001")
    changed = cursor[:at] + to + cursor[at + 1 :]
    if changed != cursor:
        with pytest.raises(InvalidCursor):
            decode_cursor("runs", changed)


def test_a_cursor_of_another_listing_is_refused() -> None:
    """A position among the keys means nothing among the runs."""
    with pytest.raises(InvalidCursor):
        decode_cursor("runs", encode_cursor("keys", "1"))


@pytest.mark.parametrize(
    ("found", "shown", "has_more"), [(0, 0, False), (3, 3, False), (4, 3, True)]
)
def test_one_row_too_many_proves_a_next_page(found: int, shown: int, has_more: bool) -> None:
    """The last page has no cursor; every other one points behind its last item."""
    page = paginate(list(range(found)), limit=3, listing="n", position=str, item=str)
    assert (shown, has_more) == (len(page.items), page.has_more)
    assert (encode_cursor("n", "2") if has_more else None) == page.next_cursor


def test_pages_cover_a_listing_once() -> None:
    """Following the cursors sees every item once, in order."""
    rows, query = list(range(23)), PageQuery(limit=5)
    seen: list[int] = []
    while True:
        start = 0 if query.cursor is None else int(decode_cursor("n", query.cursor)) + 1
        found = rows[start : start + query.limit + 1]
        page = paginate(found, limit=query.limit, listing="n", position=str, item=int)
        seen += page.items
        if not page.has_more:
            break
        query = PageQuery(limit=5, cursor=page.next_cursor)
    assert rows == seen


@pytest.mark.parametrize("limit", [0, 101, -1])
def test_a_page_has_one_to_a_hundred_items(limit: int) -> None:
    """A limit outside of that is refused."""
    with pytest.raises(ValidationError):
        PageQuery(limit=limit)
