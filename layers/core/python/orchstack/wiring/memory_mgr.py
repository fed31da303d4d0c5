"""The memory manager in the process's database: what it writes joins the open transaction."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING
from uuid import UUID

from orchstack.kernel.clock import SystemClock
from orchstack.kernel.tenancy import Principal
from orchstack.kernel.tokens import estimate_tokens
from orchstack.memory_mgr.adapters.postgres import PostgresSessionMessages
from orchstack.memory_mgr.service.hot import HotHistory
from orchstack.memory_mgr.service.memory import SessionMemory
from orchstack.wiring.database import database

if TYPE_CHECKING:
    from orchstack.memory_mgr.service.exporting import SessionExporter
    from orchstack.memory_mgr.service.sessions import SessionDirectory


@cache
def session_memory() -> SessionMemory:
    """What was said in conversations."""
    return SessionMemory(PostgresSessionMessages(database()), _hot(), estimate_tokens)


@cache
def sessions() -> SessionDirectory:
    """The conversations themselves."""
    from orchstack.memory_mgr.adapters.postgres import PostgresSessionRuns, PostgresSessions
    from orchstack.memory_mgr.service.sessions import SessionDirectory

    return SessionDirectory(
        sessions=PostgresSessions(database()),
        messages=PostgresSessionMessages(database()),
        hot=_hot(),
        runs=PostgresSessionRuns(database()),
        agents=_Agents(),
        on_erase=erase_runs,
        clock=SystemClock(),
    )


@cache
def exporter() -> SessionExporter:
    """What writes conversations out."""
    from orchstack.memory_mgr.adapters.postgres import PostgresSessions
    from orchstack.memory_mgr.service.exporting import SessionExporter

    return SessionExporter(
        sessions=PostgresSessions(database()), messages=PostgresSessionMessages(database())
    )


def erase_runs(principal: Principal, session_id: UUID) -> None:
    """Erase the runs of a session that is being deleted. Raises SessionBusy."""
    from orchstack.wiring.run_records import eraser

    actor = f"key:{principal.key_id}"
    eraser().erase_session(principal.tenant_id, session_id, actor=actor)


class _Agents:
    """The agents of the control plane, which is loaded when a session is made by hand."""

    def require(self, tenant_id: UUID, agent: str) -> None:
        """Raise NotFound if the tenant has no such agent."""
        from orchstack.wiring.control_plane import agents

        agents().get(tenant_id, agent, version=None, alias=None)


@cache
def _hot() -> HotHistory:
    from orchstack.memory_mgr.adapters.valkey import ValkeyHotStore
    from orchstack.wiring.valkey import valkey

    return HotHistory(ValkeyHotStore(valkey), SystemClock())
