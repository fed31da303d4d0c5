"""The control plane, joined: each part is built on first use and kept for the life of the process.

Adapters are imported where they are used, because the authorizer stands before every request and
must load little.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from typing import TYPE_CHECKING

from orchstack.kernel.aws import secret_text
from orchstack.kernel.clock import SystemClock
from orchstack.kernel.settings import PlatformSettings, load
from orchstack.wiring.database import database

if TYPE_CHECKING:
    from orchstack.control_plane.adapters.postgres_canaries import PostgresCanaries
    from orchstack.control_plane.adapters.postgres_credentials import PostgresCredentials
    from orchstack.control_plane.adapters.valkey import ValkeyRateLimiter
    from orchstack.control_plane.service.agents import AgentDirectory
    from orchstack.control_plane.service.authenticator import Authenticator
    from orchstack.control_plane.service.canaries import CanaryWatch
    from orchstack.control_plane.service.gate import RequestGate
    from orchstack.control_plane.service.health import HealthCheck
    from orchstack.control_plane.service.keys import KeyAdministration
    from orchstack.control_plane.service.tenants import TenantAdministration
    from orchstack.kernel.db.session import Connection


@cache
def authenticator() -> Authenticator:
    """What turns a key into a principal."""
    from orchstack.control_plane.service.authenticator import Authenticator

    return Authenticator(_credentials(), SystemClock())


@cache
def gate() -> RequestGate:
    """What every authenticated request passes."""
    from orchstack.control_plane.service.gate import RequestGate

    return RequestGate(_limiter(), _credentials(), SystemClock())


@cache
def tenants() -> TenantAdministration:
    """The tenants; the process's database must be that of the platform role."""
    from orchstack.control_plane.adapters.postgres import PostgresTenants
    from orchstack.control_plane.service.tenants import TenantAdministration

    return TenantAdministration(PostgresTenants(database()), SystemClock())


@cache
def keys() -> KeyAdministration:
    """The API keys."""
    from orchstack.control_plane.adapters.postgres import PostgresKeys
    from orchstack.control_plane.service.keys import KeyAdministration

    return KeyAdministration(PostgresKeys(database()), _limiter(), SystemClock())


@cache
def agents() -> AgentDirectory:
    """The agents."""
    from orchstack.control_plane.adapters.postgres import PostgresAgents
    from orchstack.control_plane.service.agents import AgentDirectory

    return AgentDirectory(PostgresAgents(database()), _canaries(), _Tools(), SystemClock())


@cache
def canary_watch() -> CanaryWatch:
    """What counts the runs of canaries."""
    from orchstack.control_plane.service.canaries import CanaryWatch

    return CanaryWatch(_canaries(), SystemClock())


@cache
def health() -> HealthCheck:
    """The health of the stores."""
    from orchstack.control_plane.adapters.postgres import PostgresPart
    from orchstack.control_plane.adapters.valkey import ValkeyPart
    from orchstack.control_plane.service.health import HealthCheck
    from orchstack.wiring.valkey import valkey

    return HealthCheck((PostgresPart(database()), ValkeyPart(valkey)))


def let_platform_in(administrator: Connection, secret: str | None = None) -> None:
    """Let the key in that `control_plane.keys.platform_key` derives from the stack's secret.

    Runs after the migrations on their connection, as the platform role; again without effect.
    The secret is read from Secrets Manager unless it is given.
    """
    from orchstack.control_plane.adapters.postgres import PostgresPlatformKeys
    from orchstack.control_plane.service.platform import PlatformBootstrap
    from orchstack.kernel.db.session import Database

    administrator.autocommit = True
    administrator.execute("grant orchstack_platform to current_user with set true")
    administrator.execute("set role orchstack_platform")
    administrator.autocommit = False
    keys = PostgresPlatformKeys(Database(lambda: administrator))
    known = secret_text(load(PlatformSettings).key_secret_arn) if secret is None else secret
    PlatformBootstrap(keys, SystemClock()).ensure(known)
    administrator.autocommit = True
    administrator.execute("reset role")


class _Tools:
    """The tools of the executor, which is loaded when a document is published."""

    def known(self) -> Collection[str]:
        """Give the names of all tools."""
        from orchstack.wiring.tool_exec import tool_executor

        return tool_executor().known()


@cache
def _canaries() -> PostgresCanaries:
    from orchstack.control_plane.adapters.postgres_canaries import PostgresCanaries

    return PostgresCanaries(database())


@cache
def _credentials() -> PostgresCredentials:
    from orchstack.control_plane.adapters.postgres_credentials import PostgresCredentials

    return PostgresCredentials(database())


@cache
def _limiter() -> ValkeyRateLimiter:
    from orchstack.control_plane.adapters.valkey import ValkeyRateLimiter
    from orchstack.wiring.valkey import valkey

    return ValkeyRateLimiter(valkey)
