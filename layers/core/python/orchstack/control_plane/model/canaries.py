"""Canaries: a second version of an agent that answers a share of its runs, watched by rules."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from orchstack.control_plane.model.actors import Actor
from orchstack.control_plane.model.evidence import Arm, Finding, Trial
from orchstack.kernel.agents import AgentName, EffectiveAgent, VersionNumber
from orchstack.kernel.frozen import Frozen

Weight = Annotated[
    float, Field(gt=0, le=1, description="The canary's share of sessions: 0.1 is one in ten.")
]


class RollbackRules(Frozen):
    """When a canary ends by itself; null switches a rule off.

    Each rule is a sequential test, so that it may be asked after every run: all of them together
    end at most one canary in a hundred that breaks none.
    """

    max_error_rate: Annotated[
        float | None,
        Field(gt=0, lt=1, description="The share of the canary's runs that may fail."),
    ] = 0.5
    max_error_ratio: Annotated[
        float | None,
        Field(
            ge=1,
            le=100,
            description="The canary's odds of failing, as a multiple of the stable version's; "
            "while failures are rare that is the ratio of the error rates.",
        ),
    ] = 1.25
    max_cost_ratio: Annotated[
        float | None,
        Field(
            ge=1.05,
            le=1000,
            description="The mean cost of the canary's runs, as a multiple of the stable's; says "
            "nothing while the stable version costs nothing.",
        ),
    ] = 2.0


class CanaryRequest(Frozen):
    """A version to try on a share of the sessions, and when to give it up."""

    version: VersionNumber
    weight: Weight
    rollback: RollbackRules = RollbackRules()


class CanaryEnd(StrEnum):
    """How a canary ended."""

    # The alias names the canary's version now.
    PROMOTED = "promoted"
    # The alias names the stable version, as before.
    ABORTED = "aborted"
    # A rule ended it.
    ROLLED_BACK = "rolled_back"
    # The alias names a third version, or another canary began.
    REPLACED = "replaced"


class Canary(Frozen):
    """A canary as it is kept; `generation` counts the canaries of an alias from 1."""

    agent: AgentName
    alias: str
    generation: int
    stable_version: VersionNumber
    version: VersionNumber
    weight: Weight
    rollback: RollbackRules
    trial: Trial = Trial()
    started_at: AwareDatetime
    started_by: Actor
    ended_at: AwareDatetime | None = None
    ended_by: Actor | None = None
    end: CanaryEnd | None = None


class CanaryView(Frozen):
    """A canary as it stands: what either version's runs came to, and what the rules make of it.

    `findings` counts evidence as odds: a rule ends the canary when its `e_value` reaches `needed`.
    """

    generation: int
    stable_version: VersionNumber
    version: VersionNumber
    weight: Weight
    rollback: RollbackRules
    stable: Arm
    canary: Arm
    findings: tuple[Finding, ...]
    started_at: AwareDatetime
    started_by: Actor
    ended_at: AwareDatetime | None
    ended_by: Actor | None
    end: CanaryEnd | None


class Route(Frozen):
    """Where an alias leads: to its version, or during a canary to one of two."""

    stable: EffectiveAgent
    canary: EffectiveAgent | None = None
    generation: int = 0
    weight: float = 0.0


class _CanaryFacts(Frozen):
    agent: AgentName
    alias: str
    generation: int
    stable_version: VersionNumber
    canary_version: VersionNumber


class CanaryStarted(_CanaryFacts):
    """A share of an agent's sessions goes to another version from now on."""

    weight: Weight
    rollback: RollbackRules
    started_by: Actor


class CanaryAdjusted(_CanaryFacts):
    """A running canary has another weight or other rules; sessions below the weight are its."""

    weight: Weight
    rollback: RollbackRules
    adjusted_by: Actor


class CanaryEnded(_CanaryFacts):
    """Somebody ended a canary; its last counts. If a rule did, it is CanaryRolledBack instead."""

    end: Literal[CanaryEnd.PROMOTED, CanaryEnd.ABORTED, CanaryEnd.REPLACED]
    stable: Arm
    canary: Arm
    ended_by: Actor


class CanaryRolledBack(_CanaryFacts):
    """A rule ended a canary: the alias leads to its stable version alone; the evidence."""

    stable: Arm
    canary: Arm
    findings: tuple[Finding, ...]
