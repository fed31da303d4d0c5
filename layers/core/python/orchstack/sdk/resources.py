"""Tenants, keys, agents, events and the audit log, as the client offers them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from orchstack.kernel.plain import JsonMapping, JsonObject
from orchstack.sdk.models import (
    Agent,
    AgentDetail,
    AgentVersion,
    Alias,
    AliasState,
    ApiKey,
    AuditEntry,
    Event,
    IssuedKey,
    IssuedTenant,
    Published,
    Tenant,
    Validation,
)
from orchstack.sdk.session import MAX_PAGE, Call, Session, segment

Order = Literal["asc", "desc"]
CREATED = 201


class Tenants:
    """`client.tenants`; for keys with the scope `platform:admin`."""

    def __init__(self, session: Session) -> None:
        """Take the connection."""
        self._session = session

    def create(self, name: str, *, limits: Mapping[str, int] | None = None) -> IssuedTenant:
        """Make a tenant and its first key, whose secret is in this answer only."""
        body = {"name": name, **({"limits": dict(limits)} if limits else {})}
        _, answer = self._session.call(Call(method="POST", path="/v1/tenants", body=body))
        return IssuedTenant.of(answer)

    def list(self, *, limit: int | None = None) -> Iterator[Tenant]:
        """Give the tenants, newest first."""
        return map(Tenant.of, self._session.pages("/v1/tenants", {}, limit))


class Keys:
    """`client.keys`."""

    def __init__(self, session: Session) -> None:
        """Take the connection."""
        self._session = session

    def create(
        self,
        name: str,
        *,
        scopes: Sequence[str],
        environment: Literal["live", "test"] | None = None,
        expires_in_s: int | None = None,
    ) -> IssuedKey:
        """Make a key that can do no more than yours; its secret is in this answer only."""
        wanted = {"environment": environment, "expires_in_s": expires_in_s}
        body = {
            "name": name,
            "scopes": list(scopes),
            **{field: value for field, value in wanted.items() if value is not None},
        }
        _, answer = self._session.call(Call(method="POST", path="/v1/keys", body=body))
        return IssuedKey.of(answer)

    def list(self, *, limit: int | None = None) -> Iterator[ApiKey]:
        """Give the keys, newest first."""
        return map(ApiKey.of, self._session.pages("/v1/keys", {}, limit))

    def revoke(self, key_id: str) -> ApiKey:
        """Revoke a key at once; doing it again changes nothing."""
        path = f"/v1/keys/{segment(key_id)}"
        return ApiKey.of(self._session.call(Call(method="DELETE", path=path))[1])


class Agents:
    """`client.agents`."""

    def __init__(self, session: Session) -> None:
        """Take the connection."""
        self._session = session

    def publish(self, document: JsonMapping, *, canary: float | None = None) -> Published:
        """Publish a document under its own name. Raises InvalidDocument with the faults.

        With a weight for `canary` (0.1 is one session in ten) it begins beside the live version.
        """
        call = Call(method="PUT", path=_of(document), query={"canary": canary}, body=dict(document))
        status, body = self._session.call(call)
        return Published(AgentDetail.of(body), created=status == CREATED)

    def validate(self, document: JsonMapping) -> Validation:
        """Say what is wrong with a document and what it would change; publishes nothing."""
        call = Call(method="POST", path=f"{_of(document)}/validate", body=dict(document))
        return Validation.of(self._session.call(call)[1])

    def list(self, *, limit: int | None = None) -> Iterator[Agent]:
        """Give the agents by name."""
        return map(Agent.of, self._session.pages("/v1/agents", {}, limit))

    def get(
        self, agent: str, *, version: int | None = None, alias: str | None = None
    ) -> AgentDetail:
        """Show one version: the live one, or that of a number or an alias."""
        query = {"version": version, "alias": alias}
        call = Call(method="GET", path=f"/v1/agents/{segment(agent)}", query=query)
        return AgentDetail.of(self._session.call(call)[1])

    def versions(self, agent: str, *, limit: int | None = None) -> Iterator[AgentVersion]:
        """Give the versions of an agent, newest first."""
        path = f"/v1/agents/{segment(agent)}/versions"
        return map(AgentVersion.of, self._session.pages(path, {}, limit))

    def alias(self, agent: str, alias: str) -> AliasState:
        """Show where an alias points, and how its canary stands or ended."""
        path = f"/v1/agents/{segment(agent)}/aliases/{segment(alias)}"
        return AliasState.of(self._session.call(Call(method="GET", path=path))[1])

    def set_alias(
        self, agent: str, alias: str, version: int, *, canary: JsonMapping | None = None
    ) -> Alias:
        """Point an alias at a version; `live` at an older one is a rollback.

        `canary` is `{"version": 4, "weight": 0.1, "rollback": {"max_error_rate": 0.2}}`; without
        it, the canary that runs ends.
        """
        path = f"/v1/agents/{segment(agent)}/aliases/{segment(alias)}"
        body: JsonObject = {"version": version} | ({} if canary is None else {"canary": canary})
        return Alias.of(self._session.call(Call(method="PUT", path=path, body=body))[1])


def _of(document: JsonMapping) -> str:
    """The path of the agent that a document names."""
    return f"/v1/agents/{segment(str(document.get('name', '')))}"


class Events:
    """`client.events`: what the tenant's services announced, in publishing order."""

    def __init__(self, session: Session) -> None:
        """Take the connection."""
        self._session = session

    def list(
        self,
        *,
        order: Order = "desc",
        type: str | None = None,  # noqa: A002  # CloudEvents' own word
        subject: str | None = None,
        limit: int | None = None,
    ) -> Iterator[Event]:
        """Give events, newest first unless told otherwise."""
        query = {"order": order, "type": type, "subject": subject}
        return map(Event.of, self._session.pages("/v1/events", query, limit))

    def tail(
        self,
        *,
        last: int = 10,
        type: str | None = None,  # noqa: A002  # CloudEvents' own word
        subject: str | None = None,
        poll_s: float = 1.0,
    ) -> Iterator[Event]:
        """Give the last events, oldest first, and then each new one as it is published; endless."""
        filters = {"type": type, "subject": subject}
        cursor, shown = self._place(filters, last)
        yield from shown
        while True:
            page = self._page({**filters, "order": "asc", "limit": MAX_PAGE, "cursor": cursor})
            yield from map(Event.of, page["items"])
            cursor = page["next_cursor"] or cursor
            if not page["has_more"]:
                self._session.retries.sleep(poll_s)

    def _place(
        self, filters: Mapping[str, str | None], last: int
    ) -> tuple[str | None, Sequence[Event]]:
        """Find where to begin: at the oldest event to show, from which either order goes on."""
        page = self._page({**filters, "order": "desc", "limit": min(max(last, 1), MAX_PAGE)})
        oldest = page["items"][-1:] if last > 0 else []
        return page["next_cursor"], [Event.of(item) for item in oldest]

    def _page(self, query: Mapping[str, str | int | None]) -> JsonMapping:
        _, page = self._session.call(Call(method="GET", path="/v1/events", query=query))
        answer: JsonMapping = page
        return answer


class Audit:
    """`client.audit`; for keys with the scope `audit:read`."""

    def __init__(self, session: Session) -> None:
        """Take the connection."""
        self._session = session

    def list(
        self,
        *,
        order: Order = "desc",
        action: str | None = None,
        subject: str | None = None,
        limit: int | None = None,
    ) -> Iterator[AuditEntry]:
        """Give audit entries, newest first unless told otherwise."""
        query = {"order": order, "action": action, "subject": subject}
        return map(AuditEntry.of, self._session.pages("/v1/audit", query, limit))
