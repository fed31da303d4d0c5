"""YAML files of agent documents, and where in them a fault stands."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

MAX_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Place:
    """A place in a file, counted from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        """As editors and terminals make it a link."""
        return f"{self.file}:{self.line}:{self.column}"


class Unreadable(Exception):
    """A file cannot be read as documents; `place` says where."""

    def __init__(self, place: Place | str, message: str) -> None:
        super().__init__(f"{place}: {message}")


@dataclass(frozen=True)
class Document:
    """One YAML document: its content, and its nodes, which know where they stand."""

    file: str
    content: dict[str, Any]
    node: yaml.Node = field(repr=False, compare=False)

    def place(self, pointer: str) -> Place:
        """Find what a JSON Pointer points at; where it is missing, its nearest parent."""
        node = self.node
        for part in pointer.split("/")[1:]:
            found = _child(node, part.replace("~1", "/").replace("~0", "~"))
            if found is None:
                break
            node = found
        return _place(self.file, node.start_mark)


class _Loader(yaml.SafeLoader):
    """YAML as JSON knows it: a date stays the text it is."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read(path: str) -> Iterator[Document]:
    """Read the documents of a file, or of standard input (`-`). Raises Unreadable."""
    name, text = ("<stdin>", sys.stdin.read()) if path == "-" else (path, _text(path))
    loader = _Loader(text)
    try:
        _refuse_aliases(name, text)
        while loader.check_node() and (node := loader.get_node()):
            _refuse_repeats(name, node)
            content = loader.construct_document(node)
            if not isinstance(content, dict):
                raise Unreadable(_place(name, node.start_mark), "an agent is a mapping: `name: …`")
            yield Document(name, content, node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = name if mark is None else _place(name, mark)
        raise Unreadable(place, error.problem or "this is no YAML") from None
    except yaml.YAMLError as error:
        raise Unreadable(name, str(error)) from None


def _text(path: str) -> str:
    file = Path(path)
    try:
        if file.stat().st_size > MAX_BYTES:
            raise Unreadable(path, "is larger than 1 MiB")
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise Unreadable(path, error.strerror or "cannot be read") from None
    except UnicodeDecodeError as error:
        raise Unreadable(path, f"is not UTF-8: byte {error.start} is not valid") from None


def _refuse_aliases(file: str, text: str) -> None:
    """JSON knows no references, and with them a small file can stand for a huge document."""
    for token in yaml.scan(text):
        if isinstance(token, yaml.AliasToken):
            raise Unreadable(_place(file, token.start_mark), "aliases are not used here")


def _refuse_repeats(file: str, node: yaml.Node) -> None:
    """YAML loaders let the last of two equal names win; here the second is a fault."""
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_repeats(file, item)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for name, value in node.value:
            if name.value in seen:
                raise Unreadable(_place(file, name.start_mark), f"`{name.value}` stands here twice")
            seen.add(str(name.value))
            _refuse_repeats(file, value)


def _child(node: yaml.Node, name: str) -> yaml.Node | None:
    if isinstance(node, yaml.SequenceNode) and name.isdecimal() and int(name) < len(node.value):
        item: yaml.Node = node.value[int(name)]
        return item
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == name), None)
    return None


def _place(file: str, mark: yaml.Mark) -> Place:
    return Place(file, mark.line + 1, mark.column + 1)
