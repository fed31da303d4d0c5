"""Every event type there is, each by an example; the files of `events/catalog` are written from it.

`python -m orchstack.wiring.event_catalogue events/catalog` writes them anew.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from pydantic import BaseModel

from orchstack.agent_runtime.model.events import (
    RunCancelled,
    RunCompleted,
    RunErased,
    RunFailed,
    RunStarted,
)
from orchstack.agent_runtime.model.outcomes import OutcomeReviewed
from orchstack.agent_runtime.model.runs import Stages
from orchstack.agent_runtime.model.steps import Fault, FinishReason
from orchstack.control_plane.model.agents import AgentPublished, AliasMoved
from orchstack.control_plane.model.canaries import (
    CanaryAdjusted,
    CanaryEnd,
    CanaryEnded,
    CanaryRolledBack,
    CanaryStarted,
    RollbackRules,
)
from orchstack.control_plane.model.evidence import Arm, Finding
from orchstack.control_plane.model.tenants import KeyCreated, KeyRevoked, TenantCreated
from orchstack.kernel.chat import Usage
from orchstack.kernel.events import Event, event_of, type_of
from orchstack.kernel.plain import JsonObject
from orchstack.kernel.tenancy import RequestLimits, Scope
from orchstack.memory_mgr.model import SessionDeleted

_TENANT = UUID("0198c5a0-0000-7000-8000-000000000001")
_KEY = UUID("0198c5a0-0000-7000-8000-000000000002")
_RUN = UUID("0198c5a0-0000-7000-8000-000000000003")
_EVENT = UUID("0198c5a0-0000-7000-8000-000000000004")
_SESSION = UUID("0198c5a0-0000-7000-8000-000000000005")
_BEGAN = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
_ENDED = datetime(2026, 1, 1, 12, 0, 1, 250_000, tzinfo=UTC)
_ACTOR = f"key:{_KEY}"
_ANSWERED: JsonObject = {
    "run_id": _RUN,
    "agent": "support",
    "version": 3,
    "session_id": None,
    "usage": Usage(input_tokens=212, output_tokens=48),
    "cost_micro_usd": 740,
    "step_count": 3,
    "latency_ms": Stages(router=0.4, guard=0.3, model=1_180, tools=52, database=11, total=1_250),
    "started_at": _BEGAN,
    "finished_at": _ENDED,
}
_CANARY: JsonObject = {
    "agent": "support",
    "alias": "live",
    "generation": 1,
    "stable_version": 3,
    "canary_version": 4,
}
_ARMS: JsonObject = {
    "stable": Arm(runs=180, failures=4, cost_micro_usd=133_200),
    "canary": Arm(runs=20, failures=12, cost_micro_usd=11_840),
}


@dataclass(frozen=True, kw_only=True)
class EventType:
    """One type of event: who announces it, about what, with which data."""

    service: str
    subject: str
    example: BaseModel

    @property
    def type(self) -> str:
        """The CloudEvents type, which is also EventBridge's detail-type."""
        return type_of(self.service, type(self.example))

    @property
    def file_stem(self) -> str:
        """The path of the type's files in the catalogue, without their endings."""
        return self.type.replace(".", "/", 1)

    def schema(self) -> JsonObject:
        """The JSON Schema of the whole envelope."""
        envelope = Event.model_json_schema(mode="serialization")
        data = type(self.example).model_json_schema(mode="serialization")
        definitions = data.pop("$defs", {})
        properties = envelope["properties"]
        properties["type"] = {"const": self.type}
        properties["source"] = {"const": f"orchstack.{self.service}"}
        properties["data"] = data
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": f"urn:orchstack:event:{self.type}",
            **envelope,
            "title": type(self.example).__name__,
            "description": data.get("description", ""),
            **({"$defs": definitions} if definitions else {}),
        }

    def envelope(self) -> Event:
        """The example as it is announced."""
        made = event_of(
            self.service, self.example, tenant_id=_TENANT, subject=self.subject, at=_ENDED
        )
        return made.model_copy(update={"id": _EVENT})


EVENT_TYPES: tuple[EventType, ...] = (
    EventType(
        service="control_plane",
        subject=f"tenants/{_TENANT}",
        example=TenantCreated(tenant_id=_TENANT, name="Acme", limits=RequestLimits()),
    ),
    EventType(
        service="control_plane",
        subject=f"keys/{_KEY}",
        example=KeyCreated(
            key_id=_KEY,
            name="backend",
            environment="live",
            scopes=(Scope.RUNS_READ, Scope.RUNS_WRITE),
            expires_at=None,
            created_by=_ACTOR,
        ),
    ),
    EventType(
        service="control_plane",
        subject=f"keys/{_KEY}",
        example=KeyRevoked(key_id=_KEY, revoked_by=_ACTOR),
    ),
    EventType(
        service="control_plane",
        subject="agents/support",
        example=AgentPublished(agent="support", version=3, digest="0" * 64, published_by=_ACTOR),
    ),
    EventType(
        service="control_plane",
        subject="agents/support",
        example=AliasMoved(
            agent="support", alias="live", version=2, previous_version=3, moved_by=_ACTOR
        ),
    ),
    EventType(
        service="control_plane",
        subject="agents/support",
        example=CanaryStarted(
            **_CANARY, weight=0.1, rollback=RollbackRules(max_error_rate=0.2), started_by=_ACTOR
        ),
    ),
    EventType(
        service="control_plane",
        subject="agents/support",
        example=CanaryAdjusted(
            **_CANARY, weight=0.5, rollback=RollbackRules(max_error_rate=0.2), adjusted_by=_ACTOR
        ),
    ),
    EventType(
        service="control_plane",
        subject="agents/support",
        example=CanaryEnded(**_CANARY, **_ARMS, end=CanaryEnd.PROMOTED, ended_by=_ACTOR),
    ),
    EventType(
        service="control_plane",
        subject="agents/support",
        example=CanaryRolledBack(
            **_CANARY,
            **_ARMS,
            findings=(
                Finding(
                    rule="max_error_rate",
                    bound=0.2,
                    observed=0.6,
                    e_value=412.5,
                    needed=300,
                    broken=True,
                ),
            ),
        ),
    ),
    EventType(
        service="agent_runtime",
        subject=f"runs/{_RUN}",
        example=RunStarted(
            run_id=_RUN, agent="support", version=3, session_id=None, started_at=_BEGAN
        ),
    ),
    EventType(
        service="agent_runtime",
        subject=f"runs/{_RUN}",
        example=RunCompleted(**_ANSWERED, finish_reason=FinishReason.ANSWERED),
    ),
    EventType(
        service="agent_runtime",
        subject=f"runs/{_RUN}",
        example=RunFailed(
            **_ANSWERED,
            finish_reason=FinishReason.ERROR,
            error=Fault(code="no_provider_available", detail="No model provider could answer."),
        ),
    ),
    EventType(
        service="agent_runtime",
        subject=f"runs/{_RUN}",
        example=RunCancelled(**_ANSWERED, finish_reason=FinishReason.CANCELLED),
    ),
    EventType(
        service="agent_runtime",
        subject=f"runs/{_RUN}",
        example=RunErased(
            run_id=_RUN, agent="support", version=3, session_id=None, erased_at=_ENDED
        ),
    ),
    EventType(
        service="agent_runtime",
        subject=f"runs/{_RUN}",
        example=OutcomeReviewed(
            run_id=_RUN,
            agent="support",
            version=3,
            revision=1,
            success=True,
            score=0.9,
            label="resolved",
            business_value_micro_usd=4_500_000,
            reviewer=_ACTOR,
            reviewed_at=_ENDED,
        ),
    ),
    EventType(
        service="memory_mgr",
        subject=f"sessions/{_SESSION}",
        example=SessionDeleted(
            session_id=_SESSION, agent="support", message_count=12, deleted_by=_ACTOR
        ),
    ),
)


def files() -> dict[str, str]:
    """Every file of the catalogue, by its path below `events/catalog`."""
    written = {}
    for kind in EVENT_TYPES:
        schema = json.dumps(kind.schema(), indent=2, ensure_ascii=False)
        written[f"{kind.file_stem}.schema.json"] = f"{schema}\n"
        written[f"{kind.file_stem}.example.json"] = f"{kind.envelope().model_dump_json(indent=2)}\n"
    return written


def write(folder: Path) -> None:
    """Write the catalogue's files."""
    for name, text in files().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
