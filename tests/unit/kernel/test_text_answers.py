"""Answers that are documents of their own: CSV, Markdown, lines of JSON."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from dataclasses import replace
from typing import Any

from orchstack.kernel.errors import Gone
from orchstack.kernel.http import TextAnswer
from tests import make
from tests.unit.kernel.endpoints import LIMITS, LIST, WATCH, House, list_event

TABLE = TextAnswer(content="name\na\n", media_type="text/csv", filename="things.csv")


def _stream(house: House, answer: TextAnswer) -> Generator[Any, None, None]:
    event, context = list_event(), make.LambdaContext()
    return house.factory.stream(WATCH, lambda _request: answer, event, context)


def _broken() -> Iterator[str]:
    raise Gone
    yield ""


def test_a_text_is_sent_as_it_is() -> None:
    """The head names its type and the file it is to be saved as; the limits are told too."""
    reply = House().call(LIST, list_event(), lambda _request: TABLE)

    assert (200, "name\na\n") == (reply["statusCode"], reply["body"])
    expected = {
        **LIMITS,
        "Content-Type": "text/csv; charset=utf-8",
        "Content-Disposition": 'attachment; filename="things.csv"',
    }
    assert expected == {name: reply["headers"].get(name) for name in expected}


def test_a_text_needs_no_name() -> None:
    """Without a file name it is shown, not saved."""
    reply = House().call(LIST, list_event(), lambda _request: replace(TABLE, filename=None))

    assert "Content-Disposition" not in reply["headers"]


def test_pieces_go_out_one_by_one() -> None:
    """A streaming operation sends each piece before the next one is made."""
    made: list[str] = []

    def pieces() -> Iterator[str]:
        for piece in ("a", "b", "c"):
            made.append(piece)
            yield piece

    chunks = _stream(House(), replace(TABLE, content=pieces()))
    next(chunks)

    assert ("a", ["a"]) == (next(chunks), made)
    assert ["b", "c"] == list(chunks)


def test_pieces_are_joined_where_nothing_streams() -> None:
    """An operation that does not stream answers with the whole."""
    reply = House().call(
        LIST, list_event(), lambda _request: replace(TABLE, content=iter(("a", "b")))
    )

    assert "ab" == reply["body"]


def test_an_error_before_the_first_piece_is_a_problem() -> None:
    """Nothing was sent yet, so the status can still tell of it."""
    head, body = _stream(House(), replace(TABLE, content=_broken()))

    assert (410, "application/problem+json") == (
        head["statusCode"],
        head["headers"]["Content-Type"],
    )
    assert "gone" == json.loads(body)["code"]
