"""The agent runtime, joined: each part is built on first use and kept for the life of the process.

All that a run's transactions touch stands on the process's one database: agents, sessions, journal.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from orchstack.agent_runtime.adapters.postgres import PostgresJournal
from orchstack.agent_runtime.adapters.step_functions import StepFunctionsDurable
from orchstack.agent_runtime.model.runs import Advanced, RunReference
from orchstack.agent_runtime.ports import World
from orchstack.kernel.clock import SystemClock
from orchstack.kernel.settings import MachineSettings, load
from orchstack.wiring.database import database

if TYPE_CHECKING:
    from orchstack.agent_runtime.service.running import AgentRuntime
    from orchstack.agent_runtime.service.showing import RunRecords


@cache
def runtime() -> AgentRuntime:
    """What starts runs and carries them on."""
    from orchstack.agent_runtime.driver import RunDriver
    from orchstack.agent_runtime.service.running import AgentRuntime
    from orchstack.wiring.control_plane import agents
    from orchstack.wiring.guard_sys import guard_system
    from orchstack.wiring.llm_router import llm_router
    from orchstack.wiring.memory_mgr import session_memory
    from orchstack.wiring.tool_exec import tool_executor

    world = World(
        agents=agents(),
        models=llm_router(),
        tools=tool_executor(),
        guards=guard_system(),
        memory=session_memory(),
        journal=PostgresJournal(database()),
        durable=durable(),
        clock=SystemClock(),
    )
    return AgentRuntime(world, RunDriver(world))


@cache
def durable() -> StepFunctionsDurable:
    """What starts the state machine, and answers it where it waits."""
    return StepFunctionsDurable(lambda: load(MachineSettings).machine_arn)


@cache
def records() -> RunRecords:
    """The runs as they are written down."""
    from orchstack.agent_runtime.service.showing import RunRecords

    return RunRecords(journal=PostgresJournal(database()))


def advance(reference: RunReference, *, deadline: float) -> Advanced:
    """Carry out the next command of a run, and wake the relay if that announced anything."""
    try:
        run = runtime().advance(reference.tenant_id, reference.run_id, deadline=deadline)
        return Advanced.of(run)
    finally:
        if database().take_announced():
            from orchstack.wiring.event_bus import nudge

            nudge().nudge()
