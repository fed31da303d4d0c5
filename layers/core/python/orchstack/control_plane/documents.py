"""Rules of an agent's document: when two are the same, and the faults that no schema can name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from orchstack.kernel.agents import ASK_HUMAN, MAX_TOOL_NAME, AgentDocument, AgentLink
from orchstack.kernel.errors import Fault, fault_at
from orchstack.kernel.json_schema import schema_fault

# Characters of a schema of answers, written as JSON: it goes to the model with each call.
MAX_SCHEMA: Final = 32 * 1024
Links = Mapping[str, tuple[AgentLink, ...]]


def digest_of(document: AgentDocument) -> str:
    """Give the SHA-256 of a document, its defaults written out, whatever the order it came in."""
    canonical = json.dumps(
        document.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    return hashlib.sha256(canonical.encode()).hexdigest()


def faults_of(
    document: AgentDocument, name: str, known_tools: Collection[str], links: Links
) -> list[Fault]:
    """Name what is wrong with a document published as `name`, each by JSON Pointer and message.

    `links` says what the live versions of the tenant's agents link to, as far as they can be
    reached from this document.
    """
    return [
        *_name_faults(document, name),
        *_tool_faults(document, {ASK_HUMAN, *known_tools}),
        *_order_faults(document),
        *_link_faults(document, links),
        *_schema_faults(document),
    ]


def _name_faults(document: AgentDocument, name: str) -> Iterator[Fault]:
    if document.name != name:
        yield fault_at(
            "/name", f"The path says “{name}”, the document “{document.name}”: name one."
        )


def _tool_faults(document: AgentDocument, known: Collection[str]) -> Iterator[Fault]:
    for index, tool in enumerate(document.tools):
        if tool not in known:
            offered = ", ".join(sorted(known))
            yield fault_at(f"/tools/{index}", f"There is no tool “{tool}”; there are: {offered}.")
        elif tool in document.tools[:index]:
            yield fault_at(f"/tools/{index}", f"The tool “{tool}” is listed twice.")


def _order_faults(document: AgentDocument) -> Iterator[Fault]:
    offered = {*document.tools, *(link.tool for link in document.agents)}
    waits: dict[str, list[str]] = {}
    for index, order in enumerate(document.tool_order):
        for side, tool in (("first", order.first), ("then", order.then)):
            if tool not in offered:
                yield fault_at(
                    f"/tool_order/{index}/{side}", f"The document does not offer a tool “{tool}”."
                )
        if order.first == order.then:
            continue
        circle = _path(waits, order.then, order.first)
        if circle:
            shown = " → ".join((order.first, *circle))
            yield fault_at(f"/tool_order/{index}", f"The tools wait for each other: {shown}.")
        else:
            waits.setdefault(order.first, []).append(order.then)


def _link_faults(document: AgentDocument, links: Links) -> Iterator[Fault]:
    asks = _asked(links)
    for index, link in enumerate(document.agents):
        place = f"/agents/{index}"
        if link.agent == document.name:
            yield fault_at(f"{place}/agent", "An agent does not link to itself.")
        elif link.agent not in links:
            yield fault_at(f"{place}/agent", f"There is no agent “{link.agent}” to link to.")
        elif link.tool in _names_before(document, index):
            yield fault_at(place, f"Something before it is called as the tool “{link.tool}” too.")
        elif len(link.tool) > MAX_TOOL_NAME:
            detail = f"A tool has a name of {MAX_TOOL_NAME} characters at most: not “{link.tool}”."
            yield fault_at(f"{place}/agent", detail)
        elif link.kind == "tool" and (circle := _path(asks, link.agent, document.name)):
            shown = " → ".join((document.name, *circle))
            yield fault_at(f"{place}/agent", f"The agents ask each other in a circle: {shown}.")


def _asked(links: Links) -> dict[str, list[str]]:
    """Whom each agent may ask; a hand-off is no question."""
    return {
        name: [link.agent for link in found if link.kind == "tool"] for name, found in links.items()
    }


def _names_before(document: AgentDocument, index: int) -> set[str]:
    """What a model may call before the link at `index`."""
    return {*document.tools, *(link.tool for link in document.agents[:index])}


def _schema_faults(document: AgentDocument) -> Iterator[Fault]:
    schema = document.output_schema
    if schema is None:
        return
    size = len(json.dumps(schema, ensure_ascii=False))
    if size > MAX_SCHEMA:
        yield fault_at("/output_schema", f"The schema has {size} characters; {MAX_SCHEMA} may be.")
    elif (fault := schema_fault(schema, "/output_schema")) is not None:
        yield fault


def _path(edges: Mapping[str, list[str]], start: str, goal: str) -> tuple[str, ...]:
    """A shortest way from `start` to `goal`, both included; nothing if there is none."""
    ways: list[tuple[str, ...]] = [(start,)]
    seen = {start}
    for way in ways:
        if way[-1] == goal:
            return way
        further = [name for name in edges.get(way[-1], ()) if name not in seen]
        seen.update(further)
        ways.extend((*way, name) for name in further)
    return ()
