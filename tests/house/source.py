"""The house's own source, parsed once for the tests that measure it."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
APPLICATION = ROOT / "layers/core/python/orchstack"
FUNCTIONS = ROOT / "functions"
INFRA = ROOT / "infra_cdk"
TESTS = ROOT / "tests"
_SKIPPED = (tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
_EMPTY = (tokenize.ENDMARKER, tokenize.ENCODING, tokenize.COMMENT)

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """One Python file."""

    path: Path

    @cached_property
    def text(self) -> str:
        """The file's text."""
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        """The file's syntax tree."""
        return ast.parse(self.text)

    @property
    def name(self) -> str:
        """The path from the repository's root."""
        return str(self.path.relative_to(ROOT))

    @property
    def lines(self) -> int:
        """How many lines the file has."""
        return len(self.text.splitlines())

    @property
    def functions(self) -> Iterator[FunctionNode]:
        """Every function and method of the file."""
        return (n for n in ast.walk(self.tree) if isinstance(n, FunctionNode))

    @cached_property
    def code_lines(self) -> int:
        """Lines that hold code: neither blank, nor comment, nor docstring."""
        held: set[int] = set()
        for token in tokenize.generate_tokens(io.StringIO(self.text).readline):
            if token.type not in _SKIPPED + _EMPTY:
                held.update(range(token.start[0], token.end[0] + 1))
        return len(held) - sum(docstring_lines(node) for node in ast.walk(self.tree))


def docstring_lines(node: ast.AST) -> int:
    """How many lines the docstring of a module, class or function takes; 0 for anything else."""
    if not isinstance(node, ast.Module | ast.ClassDef | FunctionNode):
        return 0
    if ast.get_docstring(node) is None:
        return 0
    first = node.body[0]
    return (first.end_lineno or first.lineno) - first.lineno + 1


def length(node: FunctionNode) -> int:
    """Lines of a function without its docstring."""
    return (node.end_lineno or node.lineno) - node.lineno + 1 - docstring_lines(node)


@lru_cache
def sources(folder: Path) -> tuple[Source, ...]:
    """Every non-empty Python file below a folder."""
    return tuple(Source(p) for p in sorted(folder.rglob("*.py")) if p.stat().st_size)


def percentile(values: list[int], share: float) -> int:
    """The smallest value that at least the given share of the values does not pass."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
