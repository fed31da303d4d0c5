"""What looks back at runs, takes them up again, and takes their texts out."""

from __future__ import annotations

from constructs import Construct

from infra_cdk.constructs.python_function import PythonFunction
from infra_cdk.house import House

READING = (
    "list_steps",
    "get_step",
    "get_context",
    "replay_run",
    "diff_runs",
)


class Records:
    """Functions of the agent runtime that work on the records of runs."""

    def __init__(self, scope: Construct, house: House) -> None:
        # Whoever watches a run that nobody drives has it carried on.
        self.follow = PythonFunction(scope, house, "agent_runtime/stream_run_events")
        erase = PythonFunction(scope, house, "agent_runtime/erase_run")
        erase.use_blobs("Delete")
        self.functions = [
            *(PythonFunction(scope, house, f"agent_runtime/{name}") for name in READING),
            self.follow,
            erase,
        ]
