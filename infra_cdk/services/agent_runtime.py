"""The agent runtime: runs, driven inline by a streaming function or stepwise by a machine."""

from __future__ import annotations

from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from constructs import Construct

from infra_cdk.constructs.consumed_queue import Batch, ConsumedQueue
from infra_cdk.constructs.python_function import PythonFunction
from infra_cdk.constructs.state_machine import StateMachine
from infra_cdk.house import House

ENDED = ["agent_runtime.RunCompleted.v1", "agent_runtime.RunFailed.v1"]
# One model call may take minutes; the machine's own timeout of the state is the same.
ADVANCE_SECONDS = 600
RUN_MEMORY_MB = 1024


class AgentRuntime(Construct):
    """Its functions, the machine `agent_run`, and the queue of the runs that ended."""

    def __init__(self, scope: Construct, house: House) -> None:
        super().__init__(scope, "AgentRuntime")
        data = house.data
        start = PythonFunction(self, house, "agent_runtime/start_run", memory_mb=RUN_MEMORY_MB)
        start.read_secret(data.providers, "PROVIDERS")
        self.advance = PythonFunction(
            self,
            house,
            "agent_runtime/advance_run",
            timeout_s=ADVANCE_SECONDS,
            memory_mb=RUN_MEMORY_MB,
        )
        self.advance.read_secret(data.providers, "PROVIDERS")
        self.agent_run = StateMachine(self, house, "agent_run", {"AdvanceRun": self.advance})
        self.functions = [
            start,
            PythonFunction(self, house, "agent_runtime/list_runs"),
            PythonFunction(self, house, "agent_runtime/get_run"),
        ]
        self.record = PythonFunction(self, house, "agent_runtime/record_outcome", timeout_s=30)
        self.ended = ConsumedQueue(
            self, "RunOutcomes", house, self.record, batch=Batch(size=100, window_s=5)
        )
        events.Rule(
            self,
            "RunEnded",
            event_bus=data.bus,
            event_pattern=events.EventPattern(detail_type=ENDED),
            targets=[targets.SqsQueue(self.ended.queue, dead_letter_queue=self.ended.dead_letters)],
        )
