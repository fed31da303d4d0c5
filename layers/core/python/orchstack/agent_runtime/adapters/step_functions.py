"""Executions of the state machine `agent_run` on Step Functions.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html: a name is
taken for 90 days, so what is begun under one begins once.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cached_property
from typing import Final
from uuid import UUID

from orchstack.kernel.aws import Client, client
from orchstack.kernel.errors import Unavailable

_BEGUN: Final = {"ExecutionAlreadyExists"}
# The execution has ended, or has gone on without us.
_GONE: Final = {"TaskDoesNotExist", "TaskTimedOut", "InvalidToken"}


class StepFunctionsDurable:
    """Starts executions, and answers those that wait."""

    def __init__(self, machine_arn: Callable[[], str]) -> None:
        """Take how the machine is found; it is asked on the first start."""
        self._machine_arn = machine_arn

    def start(self, tenant_id: UUID, run_id: UUID, n: int) -> None:
        """Begin the n-th execution for a run; the same n again begins none. Raises Unavailable."""
        reference = {"tenant_id": str(tenant_id), "run_id": str(run_id), "start": n}
        self._call(
            "start_execution",
            _BEGUN,
            stateMachineArn=self._arn,
            name=f"{run_id}-{n}",
            input=json.dumps(reference),
        )

    def answer(self, token: str) -> bool:
        """Let the execution that waits with a token go on; False if none does.

        Raises Unavailable.
        """
        return self._call("send_task_success", _GONE, taskToken=token, output="{}")

    def _call(self, operation: str, expected: set[str], **given: str) -> bool:
        """Call; gives False for an error that is expected. Raises Unavailable for any other."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            getattr(self._states, operation)(**given)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code not in expected:
                raise Unavailable(f"The state machine refused: {code}.") from error
            return False
        except BotoCoreError as error:
            raise Unavailable("The state machine is not answering.") from error
        return True

    @cached_property
    def _arn(self) -> str:
        return self._machine_arn()

    @cached_property
    def _states(self) -> Client:
        return client("stepfunctions")
