"""moto does not answer StartSyncExecution; here it starts, waits and answers.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartSyncExecution.html
"""

from __future__ import annotations

import json
import time

from moto.core.responses import ActionResult
from moto.stepfunctions.responses import StepFunctionResponse

from orchstack.local.state import Moto

_LONGEST_EXPRESS_S = 300
_LOOK_EVERY_S = 0.005


def install() -> None:
    """Add the operation."""
    StepFunctionResponse.start_sync_execution = _start_sync_execution


def _start_sync_execution(response: Moto) -> Moto:
    machine_arn = response._get_param("stateMachineArn")  # noqa: SLF001 - how moto reads requests
    execution = response.stepfunction_backend.start_execution(
        machine_arn,
        response._get_param("name"),  # noqa: SLF001 - likewise
        response._get_param("input") or "{}",  # noqa: SLF001 - likewise
    )
    deadline = time.monotonic() + _LONGEST_EXPRESS_S
    while execution.status == "RUNNING" and time.monotonic() < deadline:
        time.sleep(_LOOK_EVERY_S)
    status = "TIMED_OUT" if execution.status == "RUNNING" else execution.status
    answer = {
        "executionArn": execution.exec_arn,
        "stateMachineArn": machine_arn,
        "name": execution.name,
        "startDate": execution.start_date,
        "stopDate": execution.stop_date,
        "status": status,
        "input": json.dumps(execution.input_data),
    }
    if execution.output is not None:
        answer["output"] = json.dumps(execution.output)
    if execution.error:
        answer |= {"error": execution.error, "cause": execution.cause}
    return ActionResult(answer)
