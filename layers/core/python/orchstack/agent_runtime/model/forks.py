"""What a fork is asked to be: another run's steps up to a place, and what is different there."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from orchstack.agent_runtime.model.runs import Metadata, Mode


@dataclass(frozen=True)
class ToolAnswer:
    """What a tool is taken to have answered."""

    content: str
    is_error: bool = False


@dataclass(frozen=True, kw_only=True)
class Fork:
    """Where a run is taken up, and what is changed; None: as it was."""

    run_id: UUID
    # The first step that is done anew; with a tool's answer, the step that answer belongs to.
    from_step: int
    text: str | None = None
    instructions: str | None = None
    model: str | None = None
    tool_answer: ToolAnswer | None = None
    mode: Mode = Mode.WAIT
    metadata: Metadata = field(default_factory=dict)
    trace_id: str = ""
