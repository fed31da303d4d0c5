"""JSON Schemas from strangers."""

from __future__ import annotations

import time
from typing import Any

import pytest

from orchstack.kernel.json_schema import Schema, schema_fault


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        ({"type": "objekt"}, "/output_schema/type"),
        ({"properties": {"a/b": {"minLength": -1}}}, "/output_schema/properties/a~1b/minLength"),
        ({"pattern": "(a"}, "/output_schema/pattern"),
        ({"pattern": "(?=a)b"}, "/output_schema/pattern"),
        ({"pattern": "(a{1,1000}){1,1000}"}, "/output_schema/pattern"),
        ({"$ref": "#/nope"}, "/output_schema"),
    ],
)
def test_a_schema_that_cannot_be_used_is_named_with_its_place(
    schema: dict[str, Any], path: str
) -> None:
    """By JSON Pointer, from where the schema stands."""
    fault = schema_fault(schema, "/output_schema")

    assert fault is not None
    assert path == fault["path"]


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/x", "file:///etc/passwd"])
def test_nothing_is_fetched(address: str) -> None:
    """A schema is whole in itself."""
    fault = schema_fault({"$ref": address})

    assert fault is not None
    assert "Retrieval is disabled" in fault["message"]


def test_no_pattern_runs_away() -> None:
    """Matching takes time in proportion to the text."""
    schema, began = Schema({"pattern": "^(a+)+$"}), time.process_time()

    assert schema.faults("a" * 50_000 + "!")
    assert time.process_time() - began < 1


def test_misfits_are_few_and_short() -> None:
    """They go to a model and into a record."""
    faults = Schema({"items": {"const": 1}}).faults(["x" * 10_000] * 100)

    assert 5 == len(faults)
    assert all(len(fault) < 600 for fault in faults)


def test_a_schema_that_nests_deep_is_refused() -> None:
    """Rather than break what reads it."""
    deep: dict[str, Any] = {}
    for _ in range(5_000):
        deep = {"items": deep}

    assert schema_fault(deep) is not None
