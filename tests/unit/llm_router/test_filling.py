"""How the built-in model fills a JSON Schema."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchstack.kernel.json_schema import Schema
from orchstack.llm_router.adapters.filling import fill

WORDS = "Two pumps at 19.5 each, paid in EUR, reference 4711"

names = st.sampled_from(["a", "b", "total", "note"])
leaves = st.one_of(
    st.just({"type": "string"}),
    st.builds(lambda low: {"type": "string", "minLength": low}, st.integers(0, 90)),
    st.builds(
        lambda low, more: {"type": "integer", "minimum": low, "maximum": low + more},
        st.integers(-99, 99),
        st.integers(0, 9),
    ),
    st.just({"type": "number"}),
    st.just({"type": ["null", "boolean"]}),
    st.just({"enum": ["EUR", "USD", 3]}),
    st.just({"const": {"x": 1}}),
)
schemas = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(
            lambda properties: {
                "type": "object",
                "properties": properties,
                "required": sorted(properties),
                "additionalProperties": False,
            },
            st.dictionaries(names, inner, max_size=3),
        ),
        st.builds(
            lambda items, low: {"type": "array", "items": items, "minItems": low},
            inner,
            st.integers(0, 3),
        ),
        st.builds(lambda options: {"anyOf": options}, st.lists(inner, min_size=1, max_size=2)),
    ),
    max_leaves=8,
)


@given(schema=schemas, words=st.text(max_size=60))
def test_what_it_fills_fits(schema: dict[str, Any], words: str) -> None:
    """Whatever it is asked for, as long as it goes by the keywords it knows."""
    assert () == Schema(schema).faults(fill(schema, words))


def test_it_takes_values_from_the_words() -> None:
    """Numbers in their order, of an enumeration the value that is named."""
    schema = {
        "type": "object",
        "properties": {
            "price": {"type": "number"},
            "reference": {"type": "integer"},
            "currency": {"enum": ["USD", "EUR"]},
            "text": {"$ref": "#/$defs/text"},
        },
        "required": ["price", "reference", "currency", "text"],
        "$defs": {"text": {"type": "string", "maxLength": 9}},
    }
    filled = {"price": 19.5, "reference": 4711, "currency": "EUR", "text": "Two pumps"}

    assert filled == fill(schema, WORDS)


@pytest.mark.parametrize("keyword", [{"pattern": "^[0-9]{9}$"}, {"not": {"type": "string"}}])
def test_what_it_does_not_know_it_does_not_fit(keyword: dict[str, Any]) -> None:
    """So a schema that it never fits is easily had."""
    schema = {"type": "string", **keyword}

    assert Schema(schema).faults(fill(schema, WORDS))


def test_a_schema_that_refers_to_itself_is_filled_in_bounds() -> None:
    """Wide and deep at once, it would never end."""
    tree: dict[str, Any] = {"type": "object", "required": ["l", "r"]}
    tree["properties"] = {"l": {"$ref": "#/$defs/tree"}, "r": {"$ref": "#/$defs/tree"}}

    assert {"l", "r"} == set(fill({"$ref": "#/$defs/tree", "$defs": {"tree": tree}}, WORDS))
