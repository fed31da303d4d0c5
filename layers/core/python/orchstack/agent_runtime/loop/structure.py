"""Answers that have to fit a schema: the JSON that stands in a text."""

from __future__ import annotations

from typing import Final

from orchstack.kernel import strict_json
from orchstack.kernel.errors import InvalidRequest
from orchstack.kernel.plain import Json

_FENCE: Final = "```"


class NoJson(ValueError):
    """A text is no JSON; the sentence says where."""


def bare(text: str) -> str:
    """Take the blanks and the code fence off an answer."""
    stripped = text.strip()
    first, _, rest = stripped.partition("\n")
    if first.startswith(_FENCE) and "`" not in first[len(_FENCE) :] and rest.endswith(_FENCE):
        return rest[: -len(_FENCE)].strip()
    return stripped


def read(text: str) -> Json:
    """Read the JSON of an answer. Raises NoJson."""
    try:
        return strict_json.read(bare(text))
    except InvalidRequest as error:
        raise NoJson(error.detail.replace("The body", "The answer")) from None
