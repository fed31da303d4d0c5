"""Texts of many kinds to count: this project's pages and code, and one sentence in many tongues."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]

# Article 1 of the Universal Declaration of Human Rights, its first sentence, in many tongues.
TONGUES: Final = tuple((Path(__file__).parent / "tongues.txt").read_text("utf-8").splitlines())


class Texts:
    """Gives pieces of text of one kind, the same for the same seed."""

    def __init__(self, kind: str, seed: int) -> None:
        self._chance = random.Random(f"{kind} {seed}")  # noqa: S311 - chosen, not kept secret
        self._pieces = list(_pieces(kind))

    def piece(self, characters: int) -> str:
        """Give some text of about so many characters."""
        begin = self._chance.randrange(len(self._pieces))
        text = ""
        while len(text) < characters:
            text += self._pieces[begin % len(self._pieces)]
            begin += 1
        return text[: max(1, characters)].strip() or "."


KINDS: Final = ("prose", "code", "json", "many tongues", "mixed")


def _pieces(kind: str) -> Iterator[str]:
    match kind:
        case "prose":
            yield from _read("*.md", "docs/*.md")
        case "code":
            yield from _read("layers/core/python/orchstack/kernel/*.py", "web/**/*.ts")
        case "json":
            yield from _read("events/catalog/**/*.json")
        case "many tongues":
            yield from (f"{sentence} " for sentence in TONGUES)
        case _:
            for other in KINDS[:4]:
                yield from list(_pieces(other))[:20]


def _read(*patterns: str) -> Iterator[str]:
    for pattern in patterns:
        for path in sorted(ROOT.glob(pattern)):
            text = path.read_text(encoding="utf-8")
            yield from (text[at : at + 2_000] for at in range(0, len(text), 2_000))
