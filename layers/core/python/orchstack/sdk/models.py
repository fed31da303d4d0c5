"""What the API answers, as values; a field that a newer server adds is kept in `raw`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from types import UnionType
from typing import Any, Self, get_args, get_origin, get_type_hints

from orchstack.kernel.plain import JsonMapping, JsonObject

Json = JsonMapping


@dataclass(frozen=True, kw_only=True)
class Model:
    """An answer of the API, and the JSON it came as."""

    raw: Json = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, json: Json) -> Self:
        """Read the JSON; raises KeyError if a field is missing."""
        hints = _hints(cls)
        named = {f.name: _read(hints[f.name], json[f.name]) for f in fields(cls) if f.name != "raw"}
        return cls(**named, raw=json)


_HINTS: dict[type, JsonObject] = {}


def _hints(cls: type) -> JsonObject:
    if cls not in _HINTS:
        _HINTS[cls] = get_type_hints(cls)
    return _HINTS[cls]


def _read(hint: Any, value: Any) -> Any:
    if value is None:
        return None
    if get_origin(hint) is UnionType:
        hint = _without_none(hint)
    if get_origin(hint) is tuple:
        return tuple(_read(get_args(hint)[0], item) for item in value)
    if hint is datetime:
        return datetime.fromisoformat(value)
    if isinstance(hint, type) and issubclass(hint, Model):
        return hint.of(value)
    return value


def _without_none(hint: Any) -> Any:
    """What a field holds where it holds something."""
    return next(kind for kind in get_args(hint) if kind is not type(None))


@dataclass(frozen=True, kw_only=True)
class Tenant(Model):
    """A company, team or customer."""

    id: str
    name: str
    status: str
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class ApiKey(Model):
    """A key without its secret."""

    id: str
    name: str
    environment: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class IssuedKey(Model):
    """A new key; `secret` is shown this once, and None if the request was a repeat."""

    key: ApiKey
    secret: str | None


@dataclass(frozen=True, kw_only=True)
class IssuedTenant(Model):
    """A new tenant with its first key."""

    tenant: Tenant
    first_key: IssuedKey


@dataclass(frozen=True, kw_only=True)
class Agent(Model):
    """An agent as a list shows it."""

    name: str
    description: str
    live_version: int
    latest_version: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class AgentVersion(Model):
    """One immutable version of an agent, and the aliases that name it now."""

    agent: str
    version: int
    digest: str
    aliases: tuple[str, ...]
    published_at: datetime
    published_by: str


@dataclass(frozen=True, kw_only=True)
class AgentDetail(AgentVersion):
    """A version with its document."""

    document: Json


@dataclass(frozen=True)
class Published:
    """What publishing a document came to; not `created`: it is that version already."""

    version: AgentDetail
    created: bool


@dataclass(frozen=True, kw_only=True)
class Arm(Model):
    """The runs of one version during a canary, added up; cost in micro-dollars."""

    runs: int
    failures: int
    cost_micro_usd: int


@dataclass(frozen=True, kw_only=True)
class Finding(Model):
    """What a rollback rule makes of a canary: it ends it once `e_value` reaches `needed`."""

    rule: str
    bound: float
    observed: float | None
    e_value: float
    needed: float
    broken: bool


@dataclass(frozen=True, kw_only=True)
class Canary(Model):
    """A version that answers a share of an agent's sessions; `end` says how it ended, if it has."""

    generation: int
    stable_version: int
    version: int
    weight: float
    rollback: Json
    stable: Arm
    canary: Arm
    findings: tuple[Finding, ...]
    started_at: datetime
    started_by: str
    ended_at: datetime | None
    ended_by: str | None
    end: str | None


@dataclass(frozen=True, kw_only=True)
class Alias(Model):
    """A name that moves between the versions of an agent, and the canary that runs beside it."""

    agent: str
    alias: str
    version: int
    previous_version: int | None
    canary: Canary | None


@dataclass(frozen=True, kw_only=True)
class AliasState(Model):
    """Where an alias points, and the canary that runs, else the last that did."""

    agent: str
    alias: str
    version: int
    canary: Canary | None


@dataclass(frozen=True, kw_only=True)
class Change(Model):
    """One difference of a document to the live version, at a JSON Pointer."""

    path: str
    kind: str
    before: Any
    after: Any


@dataclass(frozen=True, kw_only=True)
class Validation(Model):
    """What publishing a document would come to; `same_as` is the version that has it already."""

    agent: str
    valid: bool
    faults: tuple[Json, ...]
    live_version: int | None
    same_as: int | None
    changes: tuple[Change, ...] | None


@dataclass(frozen=True, kw_only=True)
class Usage(Model):
    """Tokens."""

    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, kw_only=True)
class Fault(Model):
    """Why a run failed."""

    code: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class Run(Model):
    """One run of an agent: cost in micro-dollars, latency in milliseconds by stage."""

    id: str
    agent: str
    version: int
    session_id: str | None
    status: str
    finish_reason: str | None
    output: str
    error: Fault | None
    usage: Usage
    cost_micro_usd: int
    step_count: int
    latency_ms: Mapping[str, float]
    metadata: Mapping[str, str]
    created_at: datetime
    finished_at: datetime | None

    @property
    def structured(self) -> Any:
        """The output, read as JSON, of an agent with an output schema that it fits; else None."""
        return self.raw.get("structured")


@dataclass(frozen=True, kw_only=True)
class RunDetail(Run):
    """A run with its input, its journal and its spans."""

    input: str
    steps: tuple[Json, ...]
    spans: tuple[Json, ...]


@dataclass(frozen=True)
class RunEvent:
    """One event of a running run; `id` names its place in the run's tale.

    A model that is asked again, because the first answer was lost on the way, begins with another
    `model.started`: forget the text of that step then.
    """

    id: str
    name: str
    data: Json


@dataclass(frozen=True, kw_only=True)
class Event(Model):
    """A CloudEvent that a service announced."""

    id: str
    source: str
    type: str
    subject: str
    time: datetime
    tenantid: str
    data: Json


@dataclass(frozen=True, kw_only=True)
class AuditEntry(Model):
    """Who did what to which object, with what outcome."""

    id: str
    at: datetime
    actor: str
    action: str
    subject: str
    outcome: str
    facts: Json
