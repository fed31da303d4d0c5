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
    from orchstack.agent_runtime.service.following import RunFollower

    return RunFollower(archive=PostgresArchive(database()), clock=SystemClock())


@cache
def eraser() -> RunEraser:
    """What takes the texts out of runs."""
    from orchstack.agent_runtime.service.erasing import RunEraser

    return RunEraser(
        archive=PostgresArchive(database()),
        clock=SystemClock(),
        keepers=(PostgresContexts(database()),),
    )
