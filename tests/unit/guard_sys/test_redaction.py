"""Redaction of a text that streams: the same however it is cut, and as early as can be."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchstack.guard_sys.detectors.patterns import PatternDetector
from orchstack.guard_sys.detectors.redaction import REACH, WINDOW, Redactor

SECRETS = [
    "jane.doe@example.com",
    "+49 30 1234567",
    "4111 1111 1111 1111",
    "GB82 WEST 1234 5698 7654 32",
    "078-05-1120",
    "2001:db8::1",
    "192.0.2.33",
    "sk-" + "a1B2c3D4" * 5,
    "AKIAIOSFODNN7EXAMPLE",
]
PIECES = [*SECRETS, " ", "  ", "\n", ", ", ".", "(", ")", "-", "+1 ", "0", "12 ", "GB82 ", "WEST "]
texts = st.lists(
    st.one_of(st.sampled_from(PIECES), st.text(max_size=6), st.text("ab0 @.:+-", max_size=8)),
    max_size=30,
).map("".join)


def streamed(text: str, cuts: list[int]) -> str:
    """The text as it comes out, fed in pieces that end at the cuts."""
    redactor = Redactor(PatternDetector().find)
    ends = [0, *sorted({cut % (len(text) + 1) for cut in cuts}), len(text)]
    out = [redactor.feed(text[start:end]) for start, end in pairwise(ends)]
    return "".join(out) + redactor.finish()


@settings(max_examples=400, deadline=None)
@given(texts, st.lists(st.integers(0, 1_000), max_size=30))
def test_cuts_do_not_matter(text: str, cuts: list[int]) -> None:
    """However a text is cut into pieces, what comes out is the whole text's redaction."""
    assert streamed(text, []) == streamed(text, cuts)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["a", "1", "a.", "@a", "1 ", "GB82 ", "sk-a"]),
    st.integers(1, 3 * WINDOW),
    st.sampled_from(SECRETS),
    st.lists(st.integers(0, 8 * WINDOW), max_size=12),
)
def test_cuts_do_not_matter_in_endless_words(
    unit: str, length: int, secret: str, cuts: list[int]
) -> None:
    """Nor do they where no word ever ends, and the window has to be cut."""
    text = (unit * length)[:length] + secret + (unit * WINDOW)[: 2 * WINDOW]

    assert streamed(text, []) == streamed(text, cuts)


@pytest.mark.parametrize("secret", SECRETS)
def test_every_cut_of_a_secret_is_covered(secret: str) -> None:
    """Fed character by character, or cut at any place, no part of a secret comes out."""
    text = f"It is {secret}, they say."
    whole = streamed(text, [])

    assert secret not in whole
    assert whole == streamed(text, list(range(len(text))))
    assert {whole} == {streamed(text, [cut]) for cut in range(len(text))}


@pytest.mark.parametrize("secret", ["jane.doe@example.com", "sk-" + "a1B2c3D4" * 5])
@pytest.mark.parametrize("before", [0, 1, WINDOW - REACH - 3, WINDOW - 5, WINDOW, 5 * WINDOW + 7])
def test_a_secret_in_an_endless_word_is_found(secret: str, before: int) -> None:
    """A secret is found wherever the windows of a word without end happen to be cut."""
    text = "/" * before + secret + "/" * 3 * WINDOW

    assert secret not in streamed(text, [])
    assert "[" in streamed(text, [])


@pytest.mark.parametrize(
    ("fed", "expected"),
    [
        ("Hello ", "Hello "),
        ("Hello", ""),
        ("Hello, wor", "Hello, "),
        ("About 42 ", "About "),
        ("About 42 a", "About 42 "),
        ("中文没有空格", "中文没有空格"),
        ("Mail a@b.co ", "Mail [EMAIL] "),
    ],
)
def test_words_pass_as_soon_as_they_are_complete(fed: str, expected: str) -> None:
    """An ordinary word waits for its end only; a number, for whether it goes on."""
    assert expected == Redactor(PatternDetector().find).feed(fed)


def test_little_is_held_back() -> None:
    """Never more than one window waits, even where no word ends."""
    redactor = Redactor(PatternDetector().find)
    given_back = len(redactor.feed("a" * 10 * WINDOW))

    assert 10 * WINDOW - given_back <= WINDOW
