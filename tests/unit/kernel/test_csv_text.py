"""A table opens in a spreadsheet as what it is."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchstack.kernel import csv_text
from tests.make import NOW


def read(text: str) -> list[list[str]]:
    """The cells, as any reader of CSV finds them."""
    return list(csv.reader(io.StringIO(text, newline="")))


def test_values_are_written_as_programs_read_them() -> None:
    """Nothing for None, words for truth, ISO 8601 for times, numbers as they are."""
    text = csv_text.write(("a", "b"), [(None, True), (NOW, -1.5), ('x,\n"y"', 7)])

    assert [["a", "b"], ["", "true"], [NOW.isoformat(), "-1.5"], ['x,\n"y"', "7"]] == read(text)


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_text_is_never_a_formula(cell: str) -> None:
    """A quote before it makes a spreadsheet show it."""
    assert [[f"'{cell}"]] == read(csv_text.write((), [(cell,)]))


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=2))
def test_every_text_comes_back(cells: list[str]) -> None:
    """Whatever stands in it, less the quote before a formula."""
    (found,) = read(csv_text.write((), [cells]))

    assert cells == [
        cell if cell == text else cell.removeprefix("'")
        for cell, text in zip(found, cells, strict=True)
    ]
