"""The IAM policies that authorizers answer: whether they allow one call."""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache
from typing import Any

from orchstack.kernel.plain import JsonMapping

_ACTION = "execute-api:Invoke"


class Verdict(Enum):
    """What a policy says about a call."""

    ALLOWED = "allowed"
    DENIED = "denied"
    # An explicit Deny, which wins over any Allow.
    FORBIDDEN = "forbidden"


class InvalidPolicy(ValueError):
    """The document is no policy, or uses a part of the language the local gateway does not know."""


def evaluate(policy: JsonMapping, method_arn: str) -> Verdict:
    """Decide about `execute-api:Invoke` on a method; raises InvalidPolicy."""
    verdict = Verdict.DENIED
    for statement in _statements(policy):
        if not _matches(statement, method_arn):
            continue
        if statement["Effect"] == "Deny":
            return Verdict.FORBIDDEN
        verdict = Verdict.ALLOWED
    return verdict


def _statements(policy: JsonMapping) -> list[JsonMapping]:
    statements = _several(policy.get("Statement"))
    for statement in statements:
        if not isinstance(statement, dict) or statement.get("Effect") not in {"Allow", "Deny"}:
            raise InvalidPolicy("a statement needs an Effect of Allow or Deny")
        unknown = statement.keys() - {"Sid", "Effect", "Action", "Resource"}
        if unknown:
            raise InvalidPolicy(f"not known here: {', '.join(sorted(unknown))}")
    return statements


def _matches(statement: JsonMapping, method_arn: str) -> bool:
    actions, resources = _several(statement.get("Action")), _several(statement.get("Resource"))
    return any(_like(str(action).lower(), _ACTION.lower()) for action in actions) and any(
        _like(str(resource), method_arn) for resource in resources
    )


def _several(value: object) -> list[Any]:
    if value is None:
        raise InvalidPolicy("a statement needs an Action and a Resource")
    return value if isinstance(value, list) else [value]


def _like(pattern: str, text: str) -> bool:
    return _compiled(pattern).fullmatch(text) is not None


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    escaped = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.compile(escaped, re.DOTALL)
