"""Rules of an agent's document: when two are the same, and the faults that no schema can name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection

from orchstack.kernel.agents import AgentDocument
from orchstack.kernel.errors import Fault, fault_at


def digest_of(document: AgentDocument) -> str:
    """Give the SHA-256 of a document, its defaults written out, whatever the order it came in."""
    canonical = json.dumps(
        document.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    return hashlib.sha256(canonical.encode()).hexdigest()


def faults_of(document: AgentDocument, name: str, known_tools: Collection[str]) -> list[Fault]:
    """Name what is wrong with a document published as `name`, each by JSON Pointer and message."""
    faults: list[Fault] = []
    if document.name != name:
        faults.append(
            fault_at("/name", f"The path says “{name}”, the document “{document.name}”: name one.")
        )
    for index, tool in enumerate(document.tools):
        if tool not in known_tools:
            offered = ", ".join(sorted(known_tools)) or "none"
            faults.append(
                fault_at(f"/tools/{index}", f"There is no tool “{tool}”; there are: {offered}.")
            )
        elif tool in document.tools[:index]:
            faults.append(fault_at(f"/tools/{index}", f"The tool “{tool}” is listed twice."))
    return faults
