"""What becomes of runs: recorded, reviewed, added up, and exported as traces."""

from __future__ import annotations

from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from constructs import Construct

from infra_cdk.constructs.consumed_queue import Batch, ConsumedQueue
from infra_cdk.constructs.python_function import PythonFunction
from infra_cdk.house import House

ENDED = [
    "agent_runtime.RunCompleted.v1",
    "agent_runtime.RunFailed.v1",
    "agent_runtime.RunCancelled.v1",
]
OPERATIONS = (
    "get_outcome",
    "review_run",
    "list_outcomes",
    "report_usage",
    "measure_agent",
    "compare_versions",
    "get_trace",
)


class Outcomes:
    """Functions and queues of the agent runtime: of what ended, and where it is told of."""

    def __init__(self, scope: Construct, house: House) -> None:
        self._scope, self._house = scope, house
        self.functions = [
            PythonFunction(scope, house, f"agent_runtime/{name}") for name in OPERATIONS
        ]
        self.record = PythonFunction(scope, house, "agent_runtime/record_outcome", timeout_s=30)
        self.export = PythonFunction(scope, house, "agent_runtime/export_traces", timeout_s=60)
        self.queues = [self._ended("RunOutcomes", "RunEnded", self.record)]
        if house.stage.otlp_endpoint is not None:
            self._export_to(house.stage.otlp_endpoint, house.stage.otlp_headers_secret_arn)

    def _ended(self, queue: str, rule: str, consumer: PythonFunction) -> ConsumedQueue:
        """Make a queue of the runs that ended."""
        ended = ConsumedQueue(
            self._scope, queue, self._house, consumer, batch=Batch(size=100, window_s=5)
        )
        events.Rule(
            self._scope,
            rule,
            event_bus=self._house.data.bus,
            event_pattern=events.EventPattern(detail_type=ENDED),
            targets=[targets.SqsQueue(ended.queue, dead_letter_queue=ended.dead_letters)],
        )
        return ended

    def _export_to(self, endpoint: str, headers_secret_arn: str | None) -> None:
        self.export.set("OTLP_ENDPOINT", endpoint)
        if headers_secret_arn is not None:
            self.export.permit("secretsmanager:GetSecretValue", headers_secret_arn)
            self.export.set("OTLP_HEADERS_SECRET_ARN", headers_secret_arn)
        self.queues.append(self._ended("RunTraces", "RunTraced", self.export))
