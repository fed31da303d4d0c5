"""Which route a request takes: exact segments before `{parameters}` before `{greedy+}` ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import unquote

from orchstack.local.gateway.model import RestRoute

_ANY = "ANY"


@dataclass
class _Node:
    """A segment of the paths; `greedy` holds the routes that end here in `{name+}`."""

    methods: dict[str, RestRoute] = field(default_factory=dict)
    children: dict[str, _Node] = field(default_factory=dict)
    parameter: _Node | None = None
    greedy: dict[str, RestRoute] = field(default_factory=dict)


class Router:
    """Finds the route of a method and a path."""

    def __init__(self, routes: Iterable[RestRoute]) -> None:
        self._root = _Node()
        for route in routes:
            self._add(route)

    def match(self, method: str, path: str) -> tuple[RestRoute, dict[str, str]] | None:
        """Find the route and the path's parameters, decoded; the path is as it was sent."""
        segments = _segments(path)
        route = _find(self._root, segments, method)
        return (route, _parameters(route, segments)) if route else None

    def _add(self, route: RestRoute) -> None:
        node = self._root
        for segment in _segments(route.path):
            if segment.endswith("+}"):
                node.greedy[route.method] = route
                return
            if segment.startswith("{"):
                node.parameter = node.parameter or _Node()
                node = node.parameter
            else:
                node = node.children.setdefault(segment, _Node())
        node.methods[route.method] = route


def _segments(path: str) -> list[str]:
    return [segment for segment in path.split("/") if segment]


def _find(node: _Node, segments: list[str], method: str) -> RestRoute | None:
    if not segments:
        return _of(node.methods, method)
    first, rest = segments[0], segments[1:]
    # A branch without the method loses to one that has it: API Gateway matches both together.
    for child in (node.children.get(unquote(first)), node.parameter):
        if child is not None and (route := _find(child, rest, method)):
            return route
    return _of(node.greedy, method)


def _of(methods: dict[str, RestRoute], method: str) -> RestRoute | None:
    return methods.get(method) or methods.get(_ANY)


def _parameters(route: RestRoute, segments: list[str]) -> dict[str, str]:
    found = {}
    for index, name in enumerate(_segments(route.path)):
        if name.endswith("+}"):
            found[name[1:-2]] = unquote("/".join(segments[index:]))
        elif name.startswith("{"):
            found[name[1:-1]] = unquote(segments[index])
    return found
