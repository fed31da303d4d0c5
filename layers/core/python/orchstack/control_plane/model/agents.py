"""Agents with their versions and aliases."""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, Field

from orchstack.control_plane.model.actors import Actor
from orchstack.kernel.agents import ALIAS_NAME, AgentDocument, AgentName, VersionNumber
from orchstack.kernel.frozen import Frozen

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
    """A name that moves between the versions of an agent."""

    agent: AgentName
    alias: AliasName
    version: VersionNumber
    # None: the alias is new.
    previous_version: VersionNumber | None


class AgentPublished(Frozen):
    """An agent has a new version, and the alias `live` names it."""

    agent: AgentName
    version: VersionNumber
    digest: Digest
    published_by: Actor


class AliasMoved(Frozen):
    """An alias names another version than before; a null `previous_version` means it is new."""

    agent: AgentName
    alias: AliasName
    version: VersionNumber
    previous_version: VersionNumber | None
    moved_by: Actor
