"""JSON Schema 2020-12, checked in this process: nothing is fetched, no pattern can run away.

The library is loaded on first use (6 ms of CPU; the Python one takes 50): only agents that give a
schema pay for it.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from orchstack.kernel.errors import Fault, fault_at
from orchstack.kernel.plain import Json, JsonObject

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jsonschema_rs import Draft202012Validator, ValidationError

# Of a compiled pattern, in bytes: what repeats repeats is refused before it takes the memory.
_MAX_PATTERN: Final = 1_000_000
_MAX_FAULTS: Final = 5
# A message quotes the value it is about.
_MAX_MESSAGE: Final = 500
_KEPT: Final = 16


def schema_fault(schema: JsonObject, path: str = "") -> Fault | None:
    """Say what keeps a schema from being used, its place below `path` as a JSON Pointer."""
    from jsonschema_rs import ValidationError

    try:
        _compiled(schema)
    except ValidationError as error:
        return fault_at(path + _pointer(error.instance_path), _message(error))
    # The library raises a plain ValueError where its own limit ends before Python's.
    except (RecursionError, ValueError):
        return fault_at(path, "The schema nests too deep.")
    return None


class Schema:
    """A schema that can be used (see `schema_fault`)."""

    def __init__(self, schema: JsonObject) -> None:
        self._validator = _compiled(schema)

    def faults(self, value: Json) -> tuple[str, ...]:
        """Say how a value does not fit, each with its JSON Pointer; nothing if it does."""
        errors = self._validator.iter_errors(value)
        return tuple(
            f"{_pointer(error.instance_path) or 'the whole'}: {_message(error)}"
            for error, _ in zip(errors, range(_MAX_FAULTS), strict=False)
        )


@lru_cache(maxsize=_KEPT)
def _parsed(text: str) -> Draft202012Validator:
    from jsonschema_rs import Draft202012Validator, RegexOptions

    # Linear time in the text, unlike the engine that the dialect asks for.
    patterns = RegexOptions(size_limit=_MAX_PATTERN)
    return Draft202012Validator(json.loads(text), offline=True, pattern_options=patterns)


def _compiled(schema: JsonObject) -> Draft202012Validator:
    return _parsed(json.dumps(schema, sort_keys=True))


def _pointer(path: Sequence[str | int]) -> str:
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)


def _message(error: ValidationError) -> str:
    message = error.message
    return message if len(message) <= _MAX_MESSAGE else f"{message[:_MAX_MESSAGE]}…"
