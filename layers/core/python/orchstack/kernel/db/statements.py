"""Cutting a SQL file into its statements, so that each can be sent, timed and named alone."""

from __future__ import annotations

import re
from collections.abc import Iterator

# Everything in which a semicolon does not end a statement. `begin atomic` bodies are not supported.
_TOKENS = re.compile(
    r"""
      (?P<comment>--[^\n]*|/\*.*?\*/)
    | (?P<quoted>[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*")
    | (?P<dollar>\$(?P<tag>[A-Za-z_]\w*)?\$.*?\$(?(tag)(?P=tag))\$)
    | (?P<end>;)
    """,
    re.VERBOSE | re.DOTALL,
)


def split(sql: str) -> Iterator[str]:
    """Give the statements of a file in order, without comments around them and without the `;`."""
    start, kept = 0, ""
    for token in _TOKENS.finditer(sql):
        if token["comment"] is not None:
            kept += sql[start : token.start()]
            start = token.end()
        elif token["end"] is not None:
            statement = (kept + sql[start : token.start()]).strip()
            start, kept = token.end(), ""
            if statement:
                yield statement
    rest = (kept + sql[start:]).strip()
    if rest:
        yield rest
