"""The client's values are what the API answers, field by field."""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta
from typing import get_args

import pytest
from pydantic import BaseModel

from orchstack import sdk
from orchstack.agent_runtime.model import contexts, outcomes, reports
from orchstack.agent_runtime.model.diffs import RunDiff
from orchstack.agent_runtime.model.replays import ReplayReport
from orchstack.agent_runtime.model.runs import RunDetail, RunView, StepView
from orchstack.agent_runtime.model.traces import Traces
from orchstack.control_plane.model import agents, canaries, evidence, tenants
from orchstack.kernel.chat import Usage
from orchstack.kernel.events import AuditEntry, Event
from orchstack.kernel.ids import new_id
from orchstack.kernel.tenancy import RequestLimits, Scope
from orchstack.memory_mgr import model as memory_mgr
from orchstack.sdk.models import Model
from orchstack.wiring.catalogue import OPERATIONS
from tests.make import NOW, audit_entry, event

TWINS: list[tuple[type[Model], type[BaseModel]]] = [
    (sdk.Tenant, tenants.Tenant),
    (sdk.ApiKey, tenants.ApiKey),
    (sdk.IssuedKey, tenants.IssuedKey),
    (sdk.IssuedTenant, tenants.IssuedTenant),
    (sdk.Agent, agents.AgentSummary),
    (sdk.AgentVersion, agents.VersionSummary),
    (sdk.AgentDetail, agents.AgentVersion),
    (sdk.Alias, agents.Alias),
    (sdk.AliasState, agents.AliasState),
    (sdk.Canary, canaries.CanaryView),
    (sdk.Arm, evidence.Arm),
    (sdk.Finding, evidence.Finding),
    (sdk.Validation, agents.Validation),
    (sdk.Change, agents.Change),
    (sdk.Usage, Usage),
    (sdk.Run, RunView),
    (sdk.RunDetail, RunDetail),
    (sdk.Step, StepView),
    (sdk.Replay, ReplayReport),
    (sdk.RunDiff, RunDiff),
    (sdk.Session, memory_mgr.Session),
    (sdk.SessionDetail, memory_mgr.SessionDetail),
    (sdk.DeletedSession, memory_mgr.DeletedSession),
    (sdk.SessionMessage, memory_mgr.SessionMessage),
    (sdk.SessionExport, memory_mgr.SessionExport),
    (sdk.Context, contexts.ContextView),
    (sdk.ContextPart, contexts.ContextPartView),
    (sdk.LeftOut, contexts.LeftOut),
    (sdk.Outcome, outcomes.OutcomeView),
    (sdk.OutcomeDetail, outcomes.OutcomeDetail),
    (sdk.Review, outcomes.Review),
    (sdk.UsageReport, reports.UsageReport),
    (sdk.AgentStats, reports.AgentStats),
    (sdk.VersionStats, reports.VersionStats),
    (sdk.Estimate, reports.Estimate),
    (sdk.Percentiles, reports.Percentiles),
    (sdk.Comparison, reports.Comparison),
    (sdk.Trace, Traces),
    (sdk.Event, Event),
    (sdk.AuditEntry, AuditEntry),
]


@pytest.mark.parametrize(("value", "answer"), TWINS, ids=lambda c: c.__name__)
def test_every_field_is_one_that_the_api_answers(
    value: type[Model], answer: type[BaseModel]
) -> None:
    """No value of the client waits for a field that the API does not have."""
    wanted = {field.name for field in fields(value)} - {"raw"}

    assert wanted <= set(answer.model_fields)


def test_every_answer_of_the_api_has_its_value() -> None:
    """No operation answers with something the client has no value for."""
    known = {answer for _, answer in TWINS}
    answers = {get_args(o.response)[0] if get_args(o.response) else o.response for o in OPERATIONS}
    paged = {
        argument
        for answer in answers
        if issubclass(answer, BaseModel)
        for argument in answer.__pydantic_generic_metadata__["args"]
    }
    plain = {a for a in answers if not a.__pydantic_generic_metadata__["args"]}
    # What describes the installation itself is read by other programs.
    public = {o.response for o in OPERATIONS if o.scope is None}

    assert set() == (paged | plain) - public - known


def test_an_issued_tenant_is_read_whole() -> None:
    """Nested values, times and lists are read from the API's own JSON."""
    key = tenants.ApiKey(
        id=new_id(),
        name="ci",
        environment="live",
        scopes=(Scope.RUNS_READ,),
        created_at=NOW,
        expires_at=NOW + timedelta(days=1),
        revoked_at=None,
    )
    tenant = tenants.Tenant(
        id=new_id(), name="acme", status="active", limits=RequestLimits(), created_at=NOW
    )
    issued = tenants.IssuedTenant(tenant=tenant, first_key=tenants.IssuedKey(key=key, secret=None))
    read = sdk.IssuedTenant.of(issued.model_dump(mode="json"))

    assert str(tenant.id) == read.tenant.id
    assert (("runs:read",), NOW + timedelta(days=1), None) == (
        read.first_key.key.scopes,
        read.first_key.key.expires_at,
        read.first_key.secret,
    )


def test_events_and_audit_entries_are_read_whole() -> None:
    """Also their data and facts."""
    announced, entry = event(), audit_entry(facts={"tokens": 3})

    assert announced.data == sdk.Event.of(announced.model_dump(mode="json")).data
    assert {"tokens": 3} == sdk.AuditEntry.of(entry.model_dump(mode="json")).facts
