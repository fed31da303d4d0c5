"""moto forgets to name executions and to tell how they end, and never forgets that they were.

Step Functions announces each change of an execution on the default bus:
https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html
"""

from __future__ import annotations

import json
import threading
import uuid

from moto.stepfunctions.parser import models
from moto.stepfunctions.parser.backend.execution import BaseExecutionWorkerCommunication

from orchstack.local.state import Moto, backends
from orchstack.local.state.rebinding import rebind

_KEPT_PER_MACHINE = 500

_start_execution = models.StepFunctionsParserBackend.start_execution
_get_executions = models.StepFunctionsParserBackend._get_executions  # noqa: SLF001 - what is mended
_terminated = BaseExecutionWorkerCommunication.terminated


class _Threads(list[threading.Thread]):
    """The threads of executions, of which only the living are kept."""

    def append(self, thread: threading.Thread) -> None:
        self[:] = [known for known in self if known.ident is None or known.is_alive()]
        super().append(thread)


def install() -> None:
    """Announce executions, and let old ones go."""
    rebind("TMP_THREADS", _Threads())
    models.StepFunctionsParserBackend.start_execution = _start
    models.StepFunctionsParserBackend._get_executions = _begun  # noqa: SLF001 - likewise
    BaseExecutionWorkerCommunication.terminated = _end


def _start(
    backend: Moto,
    state_machine_arn: str,
    name: str | None = None,
    execution_input: str | None = None,
    trace_header: str | None = None,
) -> Moto:
    execution = _start_execution(
        backend, state_machine_arn, name or str(uuid.uuid4()), execution_input, trace_header
    )
    _announce(execution)
    _forget_old(backend.describe_state_machine(state_machine_arn))
    return execution


def _begun(backend: Moto, status: Moto = None) -> list[Moto]:
    # An execution whose thread has not begun yet waits for no token; moto would stumble over it.
    found = _get_executions(backend, status)
    return [e for e in found if e.exec_worker is not None and e.exec_worker.env is not None]


def _end(communication: Moto) -> None:
    _terminated(communication)
    _announce(communication.execution)


def _announce(execution: Moto) -> None:
    buses = backends.event_buses()
    if not buses.describe_event_bus("default").rules:
        return
    detail = {
        "executionArn": execution.exec_arn,
        "stateMachineArn": execution.state_machine.arn,
        "name": execution.name,
        "status": execution.status,
        "startDate": int(execution.start_date.timestamp() * 1000),
        "stopDate": execution.stop_date and int(execution.stop_date.timestamp() * 1000),
        "input": json.dumps(execution.input_data),
        "output": None if execution.output is None else json.dumps(execution.output),
        "error": execution.error,
        "cause": execution.cause,
    }
    event = {
        "Source": "aws.states",
        "DetailType": "Step Functions Execution Status Change",
        "Detail": json.dumps(detail),
        "Resources": [execution.exec_arn],
    }
    buses.put_events([event])


def _forget_old(machine: Moto) -> None:
    surplus = len(machine.executions) - _KEPT_PER_MACHINE
    if surplus > 0:
        ended = [known for known in machine.executions if known.status != "RUNNING"]
        for execution in ended[:surplus]:
            machine.executions.remove(execution)
