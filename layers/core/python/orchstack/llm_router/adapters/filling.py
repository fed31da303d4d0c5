"""An example of a JSON Schema, filled from words: how the built-in model gives structured answers.

It goes by `type`, `properties` with `required`, `items`, `const`, `enum`, the bounds of numbers,
texts and lists, the first of `anyOf` and `oneOf`, all of `allOf`, and `$ref` inside the schema. A
number is the next one in the words, a text is the words, of an `enum` it takes the value that the
words name. It knows nothing of `pattern`, `not` and the rest: what asks for them it does not fit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain, repeat
from typing import Any, Final

from orchstack.kernel.plain import Json, JsonObject

_MAX_DEPTH: Final = 16
_MAX_ITEMS: Final = 16
# A schema may refer to itself, more than once in each place.
_MAX_VALUES: Final = 1_000
_MAX_TEXT: Final = 2_000
_NUMBER: Final = re.compile(r"-?\d{1,15}(?:\.\d{1,15})?")


def fill(schema: JsonObject, words: str) -> Json:
    """Give a value for a schema; the same words give the same value."""
    return _Form(schema, words).value(schema, _MAX_DEPTH)


class _Form:
    """A schema that is being filled; each number of the words is used once."""

    def __init__(self, root: JsonObject, words: str) -> None:
        self._root = root
        self._words = words[:_MAX_TEXT]
        self._left = _MAX_VALUES
        self._numbers: Iterator[float] = chain(map(float, _NUMBER.findall(words)), repeat(0.0))

    def value(self, schema: Any, depth: int) -> Json:
        self._left -= 1
        if not isinstance(schema, dict) or depth == 0 or self._left < 0:
            return None
        schema = self._resolved(schema)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return self._chosen(schema["enum"])
        for name in ("anyOf", "oneOf"):
            if schema.get(name):
                return self.value(schema[name][0], depth - 1)
        return self._typed(schema, depth)

    def _typed(self, schema: JsonObject, depth: int) -> Json:
        match _type(schema):
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, depth)
            case "integer" | "number" as name:
                number = self._number(schema)
                return int(number) if name == "integer" else number
            case "boolean" | "null" as name:
                return False if name == "boolean" else None
            case _:
                return self._text(schema)

    def _array(self, schema: JsonObject, depth: int) -> list[Json]:
        count = min(schema.get("minItems", 1), schema.get("maxItems", _MAX_ITEMS), _MAX_ITEMS)
        return [self.value(schema.get("items", {}), depth - 1) for _ in range(count)]

    def _object(self, schema: JsonObject, depth: int) -> JsonObject:
        properties = schema.get("properties", {})
        filled = {
            name: self.value(properties.get(name, {}), depth - 1)
            for name in schema.get("required", [])
        }
        for part in schema.get("allOf", []):
            inner = self.value(part, depth - 1)
            filled |= inner if isinstance(inner, dict) else {}
        return filled

    def _number(self, schema: JsonObject) -> float:
        number = next(self._numbers)
        number = max(number, float(schema.get("minimum", number)))
        return min(number, float(schema.get("maximum", number)))

    def _text(self, schema: JsonObject) -> str:
        text = self._words[: schema.get("maxLength", len(self._words))]
        return text.ljust(min(schema.get("minLength", 0), _MAX_TEXT), ".")

    def _chosen(self, values: list[Json]) -> Json:
        said = self._words.lower()
        named = (value for value in values if isinstance(value, str) and value.lower() in said)
        return next(named, values[0])

    def _resolved(self, schema: JsonObject) -> JsonObject:
        found: Any = schema
        for _ in range(_MAX_DEPTH):
            reference = found.get("$ref", "") if isinstance(found, dict) else ""
            if not reference.startswith("#/"):
                break
            found = self._root
            for part in reference[2:].split("/"):
                found = found.get(part, {}) if isinstance(found, dict) else {}
        return found if isinstance(found, dict) else {}


def _type(schema: JsonObject) -> str:
    given = schema.get("type")
    if isinstance(given, list):
        given = next((name for name in given if name != "null"), "null")
    if isinstance(given, str):
        return given
    if "properties" in schema or "required" in schema or "allOf" in schema:
        return "object"
    return "array" if "items" in schema else "string"
