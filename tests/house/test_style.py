"""The style bars: what keeps the house readable, measured on every run."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from typing import Any

import pytest
from radon.complexity import cc_visit

from tests.house.source import (
    APPLICATION,
    FUNCTIONS,
    INFRA,
    TESTS,
    Source,
    length,
    percentile,
    sources,
)

PRODUCT = (*sources(APPLICATION), *sources(FUNCTIONS), *sources(INFRA))
HANDLERS = [s for s in sources(FUNCTIONS) if s.path.name != "__init__.py"]
TEST_FILES = [s for s in sources(TESTS) if s.path.name.startswith("test_")]
HERE = "tests/house/test_style.py"


def _total(files: Iterable[Source]) -> int:
    return sum(source.code_lines for source in files)


def _count(pattern: str, files: Iterable[Source]) -> int:
    return sum(len(re.findall(pattern, source.text)) for source in files)


def test_files_stay_small() -> None:
    """No file passes 500 lines, and 95 of 100 stay within 300."""
    sizes = {source.name: source.lines for source in (*PRODUCT, *sources(TESTS))}

    assert {} == {name: size for name, size in sizes.items() if size > 500}
    assert percentile(list(sizes.values()), 0.95) <= 300


def test_functions_stay_short() -> None:
    """No function passes 50 lines, and 95 of 100 stay within 30."""
    sizes = {f"{s.name}:{f.name}": length(f) for s in PRODUCT for f in s.functions}

    assert {} == {name: size for name, size in sizes.items() if size > 50}
    assert percentile(list(sizes.values()), 0.95) <= 30


def test_nothing_is_too_complex() -> None:
    """No function has a cyclomatic complexity above 10."""
    found = {f"{s.name}:{b.name}": b.complexity for s in PRODUCT for b in _blocks(s)}

    assert {} == {name: complexity for name, complexity in found.items() if complexity > 10}


def _blocks(source: Source) -> Iterable[Any]:
    return [b for b in cc_visit(source.text) if b.letter != "C"]


def test_infrastructure_stays_a_small_part() -> None:
    """The CDK code is at most 0.35 of the application's."""
    share = _total(sources(INFRA)) / _total((*sources(APPLICATION), *sources(FUNCTIONS)))

    assert share <= 0.35


def test_types_say_something() -> None:
    """`Any` outside JSON objects stays rare, and so does ignoring the type checker."""
    thousand = _total(PRODUCT) / 1000

    assert _count(r"(?<!str, )\bAny\b(?!,|\n)", PRODUCT) / thousand <= 5
    assert _count(r"type: ignore", PRODUCT) / thousand <= 2


def test_nothing_swallows_every_error() -> None:
    """`except Exception` stands at process boundaries only: one in two thousand lines at most."""
    broad = _count(r"except (Exception|BaseException)\b", PRODUCT)

    assert broad / (_total(PRODUCT) / 1000) <= 0.5


def test_every_module_says_what_it_is() -> None:
    """Each module that holds code has a docstring."""
    assert [] == [s.name for s in PRODUCT if ast.get_docstring(s.tree) is None]


def test_the_environment_is_read_in_one_place() -> None:
    """Services read settings; only `kernel/settings.py` and the laptop tools read `environ`."""
    allowed = {"kernel/settings.py", "kernel/stream_runtime.py"}
    readers = [
        str(s.path.relative_to(APPLICATION))
        for s in sources(APPLICATION)
        if re.search(r"os\.environ|os\.getenv|from os import.*environ", s.text)
    ]

    assert [] == [
        r for r in readers if r not in allowed and r.split("/")[0] not in ("cli", "local")
    ]


@pytest.mark.parametrize("handler", HANDLERS, ids=lambda s: s.name)
def test_handlers_are_thin(handler: Source) -> None:
    """A Lambda file has at most 60 lines, a docstring, a `handler`, and no try."""
    names = {getattr(n, "name", None) for n in handler.tree.body}
    assigned = {
        getattr(t, "id", None) for n in handler.tree.body for t in getattr(n, "targets", [])
    }

    assert handler.lines <= 60
    assert ast.get_docstring(handler.tree)
    assert "handler" in names | assigned
    assert not any(isinstance(node, ast.Try) for node in ast.walk(handler.tree))


def test_every_test_says_what_we_promise() -> None:
    """Each test carries a sentence."""
    silent = [
        f"{source.name}:{function.name}"
        for source in TEST_FILES
        for function in source.functions
        if function.name.startswith("test_") and ast.get_docstring(function) is None
    ]

    assert [] == silent


def test_behaviour_is_preferred_over_mocks() -> None:
    """At most ten words of mocking in a hundred tests."""
    tests = sum(f.name.startswith("test_") for s in TEST_FILES for f in s.functions)
    mocks = r"\b(Mock|MagicMock|mocker|monkeypatch|patch)\b"
    words = _count(mocks, (s for s in TEST_FILES if s.name != HERE))

    assert words / tests * 100 <= 10
