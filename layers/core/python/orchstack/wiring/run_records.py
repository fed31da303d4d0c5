"""The records of runs, joined: what shows, follows, compares and erases them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from orchstack.agent_runtime.adapters.archive import PostgresArchive
from orchstack.agent_runtime.adapters.contexts import PostgresContexts
from orchstack.kernel.clock import SystemClock
from orchstack.wiring.database import database

if TYPE_CHECKING:
    from orchstack.agent_runtime.service.comparing import RunSteps
    from orchstack.agent_runtime.service.contexts import ContextRecords
    from orchstack.agent_runtime.service.erasing import RunEraser
    from orchstack.agent_runtime.service.following import RunFollower
    from orchstack.agent_runtime.service.forking import RunForker
    from orchstack.agent_runtime.service.replaying import RunReplayer


@cache
def run_steps() -> RunSteps:
    """The journals, read."""
    from orchstack.agent_runtime.service.comparing import RunSteps

    return RunSteps(archive=PostgresArchive(database()))


@cache
def contexts() -> ContextRecords:
    """What models were shown."""
    from orchstack.agent_runtime.service.contexts import ContextRecords
    from orchstack.llm_router.adapters.token_counter import BundledVocabularies

    return ContextRecords(
        archive=PostgresArchive(database()),
        contexts=PostgresContexts(database()),
        vocabularies=BundledVocabularies(),
    )


@cache
def follower() -> RunFollower:
    """What tells runs as they go on."""
    from orchstack.agent_runtime.adapters.postgres import PostgresJournal
    from orchstack.agent_runtime.service.following import RunFollower
    from orchstack.agent_runtime.service.rescuing import Rescuer
    from orchstack.wiring.durable import durable

    return RunFollower(
        archive=PostgresArchive(database()),
        rescuer=Rescuer(journal=PostgresJournal(database()), durable=durable()),
        clock=SystemClock(),
    )


@cache
def eraser() -> RunEraser:
    """What takes the texts out of runs."""
    from orchstack.agent_runtime.adapters.outcomes import PostgresOutcomes
    from orchstack.agent_runtime.service.erasing import RunEraser
    from orchstack.wiring.blobs import blobs

    return RunEraser(
        archive=PostgresArchive(database()),
        contexts=PostgresContexts(database()),
        outcomes=PostgresOutcomes(database()),
        blobs=blobs(),
        clock=SystemClock(),
    )


@cache
def replayer() -> RunReplayer:
    """What decides runs anew."""
    from orchstack.agent_runtime.driver.casting import Casting
    from orchstack.agent_runtime.service.replaying import RunReplayer
    from orchstack.llm_router.adapters.token_counter import BundledVocabularies
    from orchstack.wiring.control_plane import agents
    from orchstack.wiring.tool_exec import tool_executor

    return RunReplayer(
        archive=PostgresArchive(database()),
        casting=Casting(agents=agents(), tools=tool_executor()),
        contexts=PostgresContexts(database()),
        vocabularies=BundledVocabularies(),
    )


@cache
def forker() -> RunForker:
    """What begins runs with the steps of others."""
    from orchstack.agent_runtime.service.forking import RunForker
    from orchstack.wiring.agent_runtime import driver, runtime, world

    return RunForker(
        world=world(),
        driver=driver(),
        runtime=runtime(),
        archive=PostgresArchive(database()),
    )
