"""Hiding secrets in what is logged or reported: by the name of a field, and by their shape."""

from __future__ import annotations

import re
from collections.abc import Mapping

HIDDEN = "[hidden]"
MAX_TEXT = 8_192
_MAX_DEPTH = 6
_SECRET_FIELDS = re.compile(
    r"(?i)^(.*[-_.])?(authorization|cookie|password|passwd|pwd|secret|secretstring|api[-_]?key|"
    r"access[-_]?key|private[-_]?key|token|credentials?)$"
)
_SECRETS = re.compile(
    r"""
      (?P<key>\b(os_live_|os_test_|sk-|sk_live_|xox[abp]-|gh[pousr]_|AIza|AKIA|ASIA)[\w-]{8,})
    | (?P<jwt>\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*)
    | (?P<scheme>\b(bearer|basic)\s+)[\w.~+/=-]{6,}
    | (?P<dsn>\b[a-z][a-z0-9+.-]*://[^\s/:@]*:)[^\s@/]+(?=@)
    | (?P<field>["']?\b(password|passwd|pwd|secret|api[_-]?key|authorization|token)\b["']?
        \s*[=:]\s*)("[^"]*"|'[^']*'|[^\s,;&}]+)
    | (?P<signed>\bX-Amz-(Signature|Security-Token|Credential)=)[^&\s]+
    """,
    re.VERBOSE | re.IGNORECASE,
)


def scrub(value: object, depth: int = 0) -> object:
    """Give a copy of a JSON-like value in which secrets are hidden and long text is cut."""
    if depth > _MAX_DEPTH:
        return "…"
    if isinstance(value, str):
        return scrub_text(value)
    if isinstance(value, Mapping):
        return scrub_fields(value, depth)
    if isinstance(value, list | tuple | set | frozenset):
        return [scrub(inner, depth + 1) for inner in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return scrub_text(str(value))


def scrub_fields(fields: Mapping[str, object], depth: int = 0) -> dict[str, object]:
    """Do so with named values; what a secret's name stands for is hidden whatever it is."""
    return {
        scrub_text(str(name)): (
            HIDDEN if _SECRET_FIELDS.match(str(name)) else scrub(value, depth + 1)
        )
        for name, value in fields.items()
    }


def scrub_text(text: str) -> str:
    """Do so with a text."""
    cut = text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}… ({len(text)} characters)"
    return _SECRETS.sub(_hide, cut)


def _hide(match: re.Match[str]) -> str:
    kept = match["scheme"] or match["dsn"] or match["field"] or match["signed"] or ""
    return f"{kept}{HIDDEN}"
