"""Agents with their versions and aliases."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from orchstack.control_plane.model.actors import Actor
from orchstack.control_plane.model.canaries import CanaryView
from orchstack.kernel.agents import ALIAS_NAME, AgentDocument, AgentName, VersionNumber
from orchstack.kernel.frozen import Frozen
from orchstack.kernel.plain import Json

AliasName = Annotated[
    str, Field(pattern=ALIAS_NAME, description="Lower-case letters, digits, dashes.")
]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="sha256 of the document.")]


class VersionSummary(Frozen):
    """One immutable version of an agent, and the aliases that name it now; without its document."""

    agent: AgentName
    version: VersionNumber
    digest: Digest
    aliases: tuple[AliasName, ...]
    published_at: AwareDatetime
    published_by: Actor


class AgentVersion(VersionSummary):
    """One immutable version of an agent."""

    document: AgentDocument


class AgentSummary(Frozen):
    """An agent as a list shows it."""

    name: AgentName
    description: str
    live_version: VersionNumber
    latest_version: VersionNumber
    created_at: AwareDatetime
    updated_at: AwareDatetime


class Alias(Frozen):
    """A name that moves between the versions of an agent; null `previous_version`: it is new.

    `canary` is the one that runs now.
    """

    agent: AgentName
    alias: AliasName
    version: VersionNumber
    previous_version: VersionNumber | None
    canary: CanaryView | None = None


class AliasState(Frozen):
    """Where an alias points; `canary` is the one that runs, else the last that did."""

    agent: AgentName
    alias: AliasName
    version: VersionNumber
    canary: CanaryView | None


class Change(Frozen):
    """One difference between two documents, at a JSON Pointer; what is not there is null."""

    path: str
    kind: Literal["added", "removed", "changed"]
    before: Json = None
    after: Json = None


class DocumentFault(Frozen):
    """What is wrong with a document, at a JSON Pointer."""

    path: str
    message: str


class Validation(Frozen):
    """What publishing a document would come to.

    `changes` is the difference to the live version, or to an empty document if there is none; null
    if the document does not fit its schema. `same_as` is the version that has this document.
    """

    agent: AgentName
    valid: bool
    faults: tuple[DocumentFault, ...]
    live_version: VersionNumber | None
    same_as: VersionNumber | None
    changes: tuple[Change, ...] | None


class AgentPublished(Frozen):
    """An agent has a new version; `live` names it, unless it begins as a canary."""

    agent: AgentName
    version: VersionNumber
    digest: Digest
    published_by: Actor
    live: bool = True


class AliasMoved(Frozen):
    """An alias names another version than before; a null `previous_version` means it is new."""

    agent: AgentName
    alias: AliasName
    version: VersionNumber
    previous_version: VersionNumber | None
    moved_by: Actor
