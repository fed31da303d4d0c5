"""Judges documents before they are published: with the same rules as publishing itself."""

from __future__ import annotations

import json
from uuid import UUID

from pydantic import ValidationError

from orchstack.control_plane.changes import changes_between
from orchstack.control_plane.documents import digest_of, faults_of
from orchstack.control_plane.model.agents import Change, DocumentFault, Validation
from orchstack.control_plane.ports import Agents, ToolCatalog
from orchstack.kernel.agents import LIVE, AgentDocument, AgentLink
from orchstack.kernel.errors import Fault
from orchstack.kernel.plain import JsonObject
from orchstack.kernel.validation import faults_in

_MAX_FAULTS = 100
# What must be there for the rest of a faulty document to be judged.
_STAND_INS = {"instructions": "-"}


class DocumentJudge:
    """Says what is wrong with a document, and what it would change."""

    def __init__(self, agents: Agents, tools: ToolCatalog) -> None:
        """Take the store, and the tools a document may name."""
        self._agents = agents
        self._tools = tools

    def faults(self, tenant_id: UUID, agent: str, document: AgentDocument) -> list[Fault]:
        """Name what keeps a document from being published as `agent`; its schema fits already."""
        links = self._links(tenant_id, document)
        return faults_of(document, agent, self._tools.known(), links)

    def validate(self, tenant_id: UUID, agent: str, given: JsonObject) -> Validation:
        """Say everything that is wrong with a document, and what it would change."""
        document, faults = _read(given)
        with self._agents.transaction(tenant_id):
            live = self._agents.get(tenant_id, agent, alias=LIVE)
            same_as = None
            if document is None:
                faults += self._faults_beside(tenant_id, agent, given, faults)
            else:
                faults = self.faults(tenant_id, agent, document)
                if live is not None:
                    same_as = self._agents.version_with(tenant_id, agent, digest_of(document))
        return Validation(
            agent=agent,
            valid=not faults,
            faults=tuple(DocumentFault(path=f["path"], message=f["message"]) for f in faults),
            live_version=None if live is None else live.version,
            same_as=same_as,
            changes=_changes(None if live is None else live.document, document),
        )

    def _faults_beside(
        self, tenant_id: UUID, agent: str, given: JsonObject, faults: list[Fault]
    ) -> list[Fault]:
        """What else is wrong with a document whose fields do not all fit their schema."""
        faulty = {_field(fault) for fault in faults}
        fitting = {
            name: given[name]
            for name in AgentDocument.model_fields
            if name in given and name not in faulty
        }
        document, _ = _read({"name": agent, **_STAND_INS, **fitting})
        if document is None:
            return []
        found = self.faults(tenant_id, agent, document)
        return [fault for fault in found if _field(fault) not in faulty]

    def _links(self, tenant_id: UUID, document: AgentDocument) -> dict[str, tuple[AgentLink, ...]]:
        """What the live versions of all agents link to that can be reached from the document."""
        known: dict[str, tuple[AgentLink, ...]] = {}
        asked: set[str] = set()
        wanted = {link.agent for link in document.agents}
        while wanted:
            found = self._agents.links(tenant_id, wanted)
            known |= found
            asked |= wanted
            wanted = {link.agent for links in found.values() for link in links} - asked
        return known


def _field(fault: Fault) -> str:
    """The document's field that a fault is about."""
    path: str = fault["path"]
    return path.removeprefix("/").partition("/")[0]


def _read(given: JsonObject) -> tuple[AgentDocument | None, list[Fault]]:
    try:
        # As the endpoint reads a body: in JSON a list is the only row there is.
        return AgentDocument.model_validate_json(json.dumps(given), strict=True), []
    except ValidationError as error:
        return None, faults_in(error, limit=_MAX_FAULTS)


def _changes(live: AgentDocument | None, new: AgentDocument | None) -> tuple[Change, ...] | None:
    if new is None:
        return None
    if live is None:
        return changes_between({}, new.model_dump(mode="json", exclude_defaults=True))
    return changes_between(live.model_dump(mode="json"), new.model_dump(mode="json"))
