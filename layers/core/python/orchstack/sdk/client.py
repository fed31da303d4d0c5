"""The client: one object, one connection pool, the API's resources as attributes."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from orchstack.sdk.connection import resolve
from orchstack.sdk.outcomes import Outcomes
from orchstack.sdk.resources import Agents, Audit, Events, Keys, Tenants
from orchstack.sdk.retry import Retries
from orchstack.sdk.runs import Runs
from orchstack.sdk.session import Session
from orchstack.sdk.sessions import Sessions
from orchstack.sdk.transport import HttpTransport, Transport


class OrchStack:
    """A client of the OrchStack API, safe to share between threads.

    Without arguments it uses ORCHSTACK_URL and ORCHSTACK_API_KEY, else the local cloud that runs in
    this folder. Mutations carry an Idempotency-Key, so that trying them again is safe.
    """

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        transport: Transport | None = None,
        retries: Retries | None = None,
    ) -> None:
        """Connect to an installation as the owner of a key; raises NotConfigured."""
        target = resolve(base_url, api_key)
        self._session = Session(
            target.url, target.api_key, transport or HttpTransport(), retries or Retries()
        )
        self.base_url = target.url
        self.tenants = Tenants(self._session)
        self.keys = Keys(self._session)
        self.agents = Agents(self._session)
        self.runs = Runs(self._session)
        self.sessions = Sessions(self._session)
        self.outcomes = Outcomes(self._session)
        self.events = Events(self._session)
        self.audit = Audit(self._session)

    def close(self) -> None:
        """Let go of the connections."""
        self._session.close()

    def __enter__(self) -> Self:
        """Use the client for the length of a `with`."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()
