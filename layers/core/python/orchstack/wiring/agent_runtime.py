"""The agent runtime, joined: each part is built on first use and kept for the life of the process.

All that a run's transactions touch stands on the process's one database: agents, sessions, journal.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from orchstack.agent_runtime.adapters.pdf import PdfText
from orchstack.agent_runtime.adapters.postgres import PostgresJournal
from orchstack.agent_runtime.model.machine import Advanced, RunReference
from orchstack.agent_runtime.ports import World
from orchstack.kernel.clock import SystemClock
from orchstack.wiring.blobs import blobs
from orchstack.wiring.database import database
from orchstack.wiring.durable import durable

if TYPE_CHECKING:
    from orchstack.agent_runtime.driver import RunDriver
    from orchstack.agent_runtime.ports_contexts import ContextPorts
    from orchstack.agent_runtime.service.cancelling import RunCanceller
    from orchstack.agent_runtime.service.running import AgentRuntime
    from orchstack.agent_runtime.service.showing import RunRecords
    from orchstack.agent_runtime.service.stepping import HumanWaits, Stepper
    from orchstack.agent_runtime.service.sweeping import Sweeper


@cache
def world() -> World:
    """All that a run touches."""
    from orchstack.wiring.control_plane import agents
    from orchstack.wiring.guard_sys import guard_system
    from orchstack.wiring.llm_router import llm_router
    from orchstack.wiring.memory_mgr import session_memory
    from orchstack.wiring.tool_exec import tool_executor

    return World(
        agents=agents(),
        models=llm_router(),
        tools=tool_executor(),
        guards=guard_system(),
        memory=session_memory(),
        journal=PostgresJournal(database()),
        durable=durable(),
        context=contexts(),
        blobs=blobs(),
        documents=PdfText(SystemClock()),
        clock=SystemClock(),
        hang_up=database().close,
    )


@cache
def driver() -> RunDriver:
    """What carries runs on."""
    from orchstack.agent_runtime.driver import RunDriver

    return RunDriver(world())


@cache
def runtime() -> AgentRuntime:
    """What starts runs, and goes on with those that were left or answered."""
    from orchstack.agent_runtime.service.running import AgentRuntime

    return AgentRuntime(world(), driver())


@cache
def canceller() -> RunCanceller:
    """What ends runs at somebody's wish."""
    from orchstack.agent_runtime.service.cancelling import RunCanceller

    return RunCanceller(world=world(), driver=driver())


@cache
def stepper() -> Stepper:
    """What the state machine asks for."""
    from orchstack.agent_runtime.service.stepping import Stepper

    return Stepper(world=world(), driver=driver())


@cache
def human_waits() -> HumanWaits:
    """What keeps the tokens that executions wait with."""
    from orchstack.agent_runtime.service.stepping import HumanWaits

    return HumanWaits(journal=PostgresJournal(database()), durable=durable())


@cache
def sweeper() -> Sweeper:
    """What finds runs that nobody drives. Needs the platform role."""
    from orchstack.agent_runtime.adapters.postgres import PostgresSweepings
    from orchstack.agent_runtime.adapters.sweep_metrics import EmfSweepMetrics
    from orchstack.agent_runtime.service.sweeping import Sweeper

    return Sweeper(
        sweepings=PostgresSweepings(database()),
        journal=PostgresJournal(database()),
        durable=durable(),
        metrics=EmfSweepMetrics(),
        clock=SystemClock(),
    )


@cache
def contexts() -> ContextPorts:
    """What the building of contexts touches."""
    from orchstack.agent_runtime.adapters.contexts import PostgresContexts, PostgresFactors
    from orchstack.agent_runtime.adapters.in_memory_contexts import NoBackground
    from orchstack.agent_runtime.ports_contexts import ContextPorts
    from orchstack.llm_router.adapters.token_counter import TokenCounter
    from orchstack.wiring.llm_router import llm_router

    return ContextPorts(
        tokens=TokenCounter(llm_router().describe),
        factors=PostgresFactors(database()),
        contexts=PostgresContexts(database()),
        background=NoBackground(),
    )


@cache
def records() -> RunRecords:
    """The runs as they are written down."""
    from orchstack.agent_runtime.service.showing import RunRecords

    return RunRecords(journal=PostgresJournal(database()))


def advance(reference: RunReference, *, deadline: float) -> Advanced:
    """Carry out the next command of a run, and wake the relay if that announced anything."""
    try:
        return stepper().advance(reference, deadline=deadline)
    finally:
        if database().take_announced():
            from orchstack.wiring.event_bus import nudge

            nudge().nudge()
