"""Runs and steps as a journal holds them, without anybody who ran them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from orchstack.agent_runtime.model.runs import Run, Stages
from orchstack.agent_runtime.model.steps import (
    FinishReason,
    GuardOutcome,
    GuardStage,
    GuardWork,
    HandoffWork,
    ModelWork,
    RunStatus,
    Step,
    ToolWork,
    WaitWork,
    Work,
)
from orchstack.kernel.chat import ToolCall, Usage
from orchstack.kernel.errors import NotFound
from orchstack.kernel.ids import new_id
from tests.make import NOW

CALL = ToolCall(id="call_0", name="calculator", arguments={"expression": "2 + 2"})


def a_run(**changes: Any) -> Run:
    """A run that was answered within a second."""
    given = {
        "tenant_id": new_id(),
        "id": new_id(),
        "agent": "adder",
        "version": 3,
        "key_id": new_id(),
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        "input": "What is 2 + 2?",
        "status": RunStatus.COMPLETED,
        "finish_reason": FinishReason.ANSWERED,
        "usage": Usage(input_tokens=40, output_tokens=7),
        "cost_micro_usd": 123,
        "step_count": 2,
        "stages": Stages(model=800, tools=100, total=1_000),
        "created_at": NOW,
        "finished_at": NOW + timedelta(seconds=1),
    }
    return Run.model_validate({**given, **changes})


def model(**changes: Any) -> Work:
    """A call of a model."""
    given = {
        "model": "default",
        "provider": "openai",
        "served_by": "gpt-5",
        "finish_reason": "stop",
    }
    return ModelWork.model_validate({**given, **changes})


def tool(*, failed: bool = False, **changes: Any) -> Work:
    """A call of a tool."""
    given = {"call": CALL, "wished_by": 2, "position": 0, "is_error": failed}
    return ToolWork.model_validate({**given, **changes})


def asked_a_human(**changes: Any) -> Work:
    """A question to a human, and the answer."""
    call = ToolCall(id="call_1", name="ask_human", arguments={"question": "May I?"})
    given = {"call": call, "wished_by": 2, "position": 0, "question": "May I?", "expires_at": NOW}
    return WaitWork.model_validate({**given, "answer": "Yes.", **changes})


def handed_over(**changes: Any) -> Work:
    """A hand-off to the agent `expert`."""
    call = ToolCall(id="call_2", name="hand_off_to_expert")
    given = {"call": call, "wished_by": 2, "position": 0, "agent": "expert", "version": 5}
    return HandoffWork.model_validate({**given, **changes})


def steps_of(*works: Work) -> tuple[Step, ...]:
    """Finished steps of these works, a tenth of a second each, after the guard's decision."""
    checked = GuardWork(stage=GuardStage.INPUT, outcome=GuardOutcome.ALLOWED)
    tenth = timedelta(seconds=0.1)
    return tuple(
        Step(
            seq=seq,
            work=work,
            usage=Usage(input_tokens=20, output_tokens=3),
            started_at=NOW + (seq - 1) * tenth,
            finished_at=NOW + seq * tenth,
        )
        for seq, work in enumerate((checked, *works), 1)
    )


@dataclass
class JournalOf:
    """A journal that holds one run, and can be read."""

    known: Run
    written: tuple[Step, ...]

    @contextmanager
    def transaction(self, _tenant_id: UUID) -> Iterator[None]:
        """Nothing is written."""
        yield

    def run(self, tenant_id: UUID, run_id: UUID) -> Run:
        """Give the run. Raises NotFound."""
        if (tenant_id, run_id) != (self.known.tenant_id, self.known.id):
            raise NotFound
        return self.known

    def steps(self, tenant_id: UUID, run_id: UUID) -> tuple[Step, ...]:
        """Give its steps."""
        self.run(tenant_id, run_id)
        return self.written


def journaled(*works: Work, **changes: Any) -> JournalOf:
    """A journal of a run of these works."""
    return JournalOf(a_run(**changes), steps_of(*works))
