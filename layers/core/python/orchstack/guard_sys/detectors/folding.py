"""Look-alikes folded one to one, so that positions stay: full-width forms, dashes, spaces."""

from __future__ import annotations

from typing import Final

# Stands for all characters that take no room; patterns are looked for as if it were not there.
ZERO_WIDTH: Final = "\u200b"

_FULL_WIDTH: Final = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_DASHES: Final = dict.fromkeys(
    (*range(0x2010, 0x2016), 0x2212, 0xFE58, 0xFE63),
    "-",
)
_SPACES: Final = dict.fromkeys((0xA0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000), " ")
_NOTHING: Final = dict.fromkeys(
    (0xAD, 0x34F, 0x61C, 0x180E, *range(0x200B, 0x2010), *range(0x2060, 0x2065), 0xFEFF),
    ZERO_WIDTH,
)
_TAGS: Final = dict.fromkeys(range(0xE0000, 0xE0080), ZERO_WIDTH)
_DIGITS: Final = {
    zero + value: str(value) for zero in (0x660, 0x6F0, 0x966, 0x9E6) for value in range(10)
}
_TABLE: Final[dict[int, int | str]] = {
    **_FULL_WIDTH,
    **_DASHES,
    **_SPACES,
    **_NOTHING,
    **_TAGS,
    **_DIGITS,
}


def fold(text: str) -> str:
    """Replace look-alikes by the ASCII character they look like; the length stays."""
    return text if text.isascii() else text.translate(_TABLE)
