"""moto reports a lost heartbeat as `States.Timeout`; it is `States.HeartbeatTimeout`.

https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
"""

from __future__ import annotations

from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import (
    StatesErrorName,
)
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import (
    StatesErrorNameType,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service_callback as callback,
)
from moto.stepfunctions.parser.asl.eval.callback.callback import HeartbeatTimeoutError

from orchstack.local.state import Moto

_from_error = callback.StateTaskServiceCallback._from_error  # noqa: SLF001 - what is mended


def install() -> None:
    """Name the error rightly."""
    callback.StateTaskServiceCallback._from_error = _named_rightly  # noqa: SLF001 - likewise


def _named_rightly(task: Moto, env: Moto, ex: Exception) -> Moto:
    event = _from_error(task, env=env, ex=ex)
    if isinstance(ex, HeartbeatTimeoutError):
        lost = StatesErrorNameType.StatesHeartbeatTimeout
        event.error_name = StatesErrorName(typ=lost)
        event.event_details["taskTimedOutEventDetails"]["error"] = lost.to_name()
    return event
