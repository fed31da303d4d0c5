"""Sessions, joined: what makes, shows, writes out and deletes them.

Apart from what runs recall: a session that is deleted takes its runs along.
"""

from __future__ import annotations

from functools import cache
from uuid import UUID

from orchstack.kernel.clock import SystemClock
from orchstack.kernel.tenancy import Principal
from orchstack.memory_mgr.adapters.postgres import (
    PostgresSessionMessages,
    PostgresSessionRuns,
    PostgresSessions,
)
from orchstack.memory_mgr.service.exporting import SessionExporter
from orchstack.memory_mgr.service.sessions import SessionDirectory
from orchstack.wiring.database import database
from orchstack.wiring.memory_mgr import hot_history


@cache
def sessions() -> SessionDirectory:
    """The conversations of tenants."""
    return SessionDirectory(
        sessions=PostgresSessions(database()),
        messages=PostgresSessionMessages(database()),
        hot=hot_history(),
        runs=PostgresSessionRuns(database()),
        agents=_Agents(),
        on_erase=_erase_runs,
        clock=SystemClock(),
    )


@cache
def exporter() -> SessionExporter:
    """What writes conversations out."""
    return SessionExporter(
        sessions=PostgresSessions(database()), messages=PostgresSessionMessages(database())
    )


def _erase_runs(principal: Principal, session_id: UUID) -> None:
    """Erase the texts of the runs of a session that is being deleted."""
    from orchstack.wiring.run_records import eraser

    actor = f"key:{principal.key_id}"
    eraser().erase_session(principal.tenant_id, session_id, actor=actor)


class _Agents:
    """The agents of the control plane, which is loaded when a session is made by hand."""

    def require(self, tenant_id: UUID, agent: str) -> None:
        """Raise NotFound if the tenant has no such agent."""
        from orchstack.wiring.control_plane import agents

        agents().get(tenant_id, agent, version=None, alias=None)
