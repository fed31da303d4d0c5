"""The operations of the control plane in the public API."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, RootModel

from orchstack.control_plane.model.agents import (
    AgentSummary,
    AgentVersion,
    Alias,
    AliasName,
    AliasState,
    Validation,
    VersionSummary,
)
from orchstack.control_plane.model.canaries import CanaryRequest, Weight
from orchstack.control_plane.model.tenants import (
    ApiKey,
    Environment,
    Health,
    IssuedKey,
    IssuedTenant,
    Label,
    Tenant,
)
from orchstack.kernel.agents import AGENT_NAME, ALIAS_NAME, AgentDocument, VersionNumber
from orchstack.kernel.errors import InvalidDocument
from orchstack.kernel.frozen import Frozen
from orchstack.kernel.http import Idempotency, NoBody, NoQuery, Operation
from orchstack.kernel.ids import UUID_TEXT
from orchstack.kernel.pagination import Page, PageQuery
from orchstack.kernel.plain import JsonObject
from orchstack.kernel.tenancy import RequestLimits, Scope

_AGENT = {"agent": AGENT_NAME}
_TEN_YEARS_S = 315_360_000
# Every character of the longest document may come as a six-byte escape.
_MAX_DOCUMENT_BYTES = 512 * 1024


class TenantRequest(Frozen):
    """A tenant to make."""

    name: Label
    limits: RequestLimits = RequestLimits()


class KeyRequest(Frozen):
    """A key to make; it can do nothing that the key which asks for it cannot."""

    name: Label
    scopes: Annotated[tuple[Scope, ...], Field(min_length=1, max_length=32)]
    environment: Annotated[
        Environment | None, Field(description="That of the key which asks, if none is given.")
    ] = None
    expires_in_s: Annotated[
        int | None, Field(ge=60, le=_TEN_YEARS_S, description="Seconds it lives; null for ever.")
    ] = None


class AliasRequest(Frozen):
    """Where an alias is to point; without `canary`, the one that runs ends."""

    version: VersionNumber
    canary: CanaryRequest | None = None


class AgentQuery(Frozen):
    """Which version: at most one of the two; the alias `live` if none is given."""

    version: VersionNumber | None = None
    alias: AliasName | None = None


class PublishQuery(Frozen):
    """How a document is published."""

    canary: Annotated[
        Weight | None,
        Field(description="This share of sessions meets it, beside the live version; else all."),
    ] = None


class JsonDocument(RootModel[Annotated[JsonObject, Field(min_length=1)]]):
    """A JSON document that describes itself."""


CREATE_TENANT = Operation(
    id="create_tenant",
    method="POST",
    path="/v1/tenants",
    summary="Make a tenant and its first API key",
    function="control_plane/create_tenant",
    scope=Scope.PLATFORM_ADMIN,
    response=IssuedTenant,
    body=TenantRequest,
    query=NoQuery,
    status=201,
    idempotency=Idempotency.TRANSACTION,
)

LIST_TENANTS = Operation(
    id="list_tenants",
    method="GET",
    path="/v1/tenants",
    summary="List the tenants of the installation, newest first",
    function="control_plane/list_tenants",
    scope=Scope.PLATFORM_ADMIN,
    response=Page[Tenant],
    body=NoBody,
    query=PageQuery,
)

CREATE_KEY = Operation(
    id="create_key",
    method="POST",
    path="/v1/keys",
    summary="Make an API key; its secret is in this answer only",
    function="control_plane/create_key",
    scope=Scope.KEYS_WRITE,
    response=IssuedKey,
    body=KeyRequest,
    query=NoQuery,
    status=201,
    idempotency=Idempotency.TRANSACTION,
)

LIST_KEYS = Operation(
    id="list_keys",
    method="GET",
    path="/v1/keys",
    summary="List the API keys of your tenant, newest first",
    function="control_plane/list_keys",
    scope=Scope.KEYS_READ,
    response=Page[ApiKey],
    body=NoBody,
    query=PageQuery,
)

# Revoking is its own record and must be committed before the cache is told: no wrapped transaction.
REVOKE_KEY = Operation(
    id="revoke_key",
    method="DELETE",
    path="/v1/keys/{key_id}",
    summary="Revoke an API key at once; doing it again changes nothing",
    function="control_plane/revoke_key",
    scope=Scope.KEYS_WRITE,
    response=ApiKey,
    body=NoBody,
    query=NoQuery,
    path_pattern={"key_id": UUID_TEXT},
)

PUBLISH_AGENT = Operation(
    id="publish_agent",
    method="PUT",
    path="/v1/agents/{agent}",
    summary="Publish a document: a new version unless it is one already, and `live` moves to it",
    function="control_plane/publish_agent",
    scope=Scope.AGENTS_WRITE,
    response=AgentVersion,
    body=AgentDocument,
    query=PublishQuery,
    status=201,
    other_statuses=(200,),
    invalid_body=InvalidDocument,
    max_body_bytes=_MAX_DOCUMENT_BYTES,
    idempotency=Idempotency.TRANSACTION,
    path_pattern=_AGENT,
)

VALIDATE_AGENT = Operation(
    id="validate_agent",
    method="POST",
    path="/v1/agents/{agent}/validate",
    summary="Say what is wrong with a document and what it would change; nothing is published",
    function="control_plane/validate_agent",
    scope=Scope.AGENTS_READ,
    response=Validation,
    body=JsonDocument,
    query=NoQuery,
    max_body_bytes=_MAX_DOCUMENT_BYTES,
    path_pattern=_AGENT,
)

LIST_AGENTS = Operation(
    id="list_agents",
    method="GET",
    path="/v1/agents",
    summary="List the agents of your tenant by name",
    function="control_plane/list_agents",
    scope=Scope.AGENTS_READ,
    response=Page[AgentSummary],
    body=NoBody,
    query=PageQuery,
)

GET_AGENT = Operation(
    id="get_agent",
    method="GET",
    path="/v1/agents/{agent}",
    summary="Get one version of an agent: the live one, or that of a number or an alias",
    function="control_plane/get_agent",
    scope=Scope.AGENTS_READ,
    response=AgentVersion,
    body=NoBody,
    query=AgentQuery,
    path_pattern=_AGENT,
)

LIST_VERSIONS = Operation(
    id="list_versions",
    method="GET",
    path="/v1/agents/{agent}/versions",
    summary="List the versions of an agent, newest first",
    function="control_plane/list_versions",
    scope=Scope.AGENTS_READ,
    response=Page[VersionSummary],
    body=NoBody,
    query=PageQuery,
    path_pattern=_AGENT,
)

SET_ALIAS = Operation(
    id="set_alias",
    method="PUT",
    path="/v1/agents/{agent}/aliases/{alias}",
    summary="Point an alias at a version, or `live` at two: a canary answers a share of sessions",
    function="control_plane/set_alias",
    scope=Scope.AGENTS_WRITE,
    response=Alias,
    body=AliasRequest,
    query=NoQuery,
    idempotency=Idempotency.TRANSACTION,
    path_pattern={**_AGENT, "alias": ALIAS_NAME},
)

GET_ALIAS = Operation(
    id="get_alias",
    method="GET",
    path="/v1/agents/{agent}/aliases/{alias}",
    summary="Show where an alias points, and how its canary stands or ended",
    function="control_plane/get_alias",
    scope=Scope.AGENTS_READ,
    response=AliasState,
    body=NoBody,
    query=NoQuery,
    path_pattern={**_AGENT, "alias": ALIAS_NAME},
)

CHECK_HEALTH = Operation(
    id="check_health",
    method="GET",
    path="/healthz",
    summary="Say whether the installation and its stores answer",
    function="control_plane/check_health",
    scope=None,
    response=Health,
    body=NoBody,
    query=NoQuery,
)

DESCRIBE_API = Operation(
    id="describe_api",
    method="GET",
    path="/openapi.json",
    summary="Get this description",
    function="control_plane/describe_api",
    scope=None,
    response=JsonDocument,
    body=NoBody,
    query=NoQuery,
)

DESCRIBE_AGENTS = Operation(
    id="describe_agents",
    method="GET",
    path="/schemas/agent.json",
    summary="Get the JSON Schema of an agent's document",
    function="control_plane/describe_api",
    scope=None,
    response=JsonDocument,
    body=NoBody,
    query=NoQuery,
)

OPERATIONS = (
    CREATE_TENANT,
    LIST_TENANTS,
    CREATE_KEY,
    LIST_KEYS,
    REVOKE_KEY,
    PUBLISH_AGENT,
    VALIDATE_AGENT,
    LIST_AGENTS,
    GET_AGENT,
    LIST_VERSIONS,
    SET_ALIAS,
    GET_ALIAS,
    CHECK_HEALTH,
    DESCRIBE_API,
    DESCRIBE_AGENTS,
)
