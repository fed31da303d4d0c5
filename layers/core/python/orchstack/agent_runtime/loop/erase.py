"""Takes the texts out of a run and leaves what it took: totals, times, names, hashes."""

from __future__ import annotations

from datetime import datetime
from typing import Final, assert_never

from orchstack.agent_runtime.model.attachments import Attachment
from orchstack.agent_runtime.model.runs import Overrides, Run
from orchstack.agent_runtime.model.steps import (
    Fault,
    FinishWork,
    GuardWork,
    HandoffWork,
    ModelWork,
    Step,
    ToolWork,
    WaitWork,
    Work,
)
from orchstack.kernel.chat import ToolCall
from orchstack.kernel.plain import JsonObject

# Instead of a file's name.
_ERASED: Final = "erased"


def erased_run(run: Run, at: datetime) -> Run:
    """Give the run without a word of its caller, its model, its tools or a human."""
    return run.model_copy(
        update={
            "input": "",
            "history": (),
            "attachments": tuple(_erased_attachment(each) for each in run.attachments),
            "output": "",
            "question": None,
            "overrides": Overrides(model=run.overrides.model),
            "fault": _erased_fault(run.fault),
            "erased_at": at,
        }
    )


def erased_step(step: Step) -> Step:
    """Give the step without what was said, asked and answered in it."""
    return step.model_copy(update={"work": _erased(step.work)})


def _erased_attachment(attachment: Attachment) -> Attachment:
    return attachment.model_copy(update={"name": _ERASED, "text": ""})


def _erased(work: Work) -> Work:
    return work.model_copy(update=_gone(work))


def _gone(work: Work) -> JsonObject:
    match work:
        case ModelWork():
            calls = tuple(_erased_call(call) for call in work.tool_calls)
            fault = _erased_fault(work.fault)
            return {"text": "", "pieces": (), "tool_calls": calls, "fault": fault}
        case ToolWork():
            shown: JsonObject | None = None if work.shown is None else {}
            return {"call": _erased_call(work.call), "shown": shown, "content": ""}
        case WaitWork():
            return {"call": _erased_call(work.call), "question": "", "answer": ""}
        case HandoffWork():
            return {"call": _erased_call(work.call), "reason": ""}
        case GuardWork():
            return {"detail": ""}
        case FinishWork():
            return {"output": "", "fault": _erased_fault(work.fault)}
        case _:
            assert_never(work)


def _erased_call(call: ToolCall) -> ToolCall:
    return call.model_copy(update={"arguments": {}})


def _erased_fault(fault: Fault | None) -> Fault | None:
    """Keep the code: the sentence may repeat what somebody said."""
    return None if fault is None else fault.model_copy(update={"detail": ""})
