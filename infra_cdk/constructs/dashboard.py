"""One dashboard a stage: what callers see, what runs, what waits."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra_cdk.constructs.rest_api import api_name
from infra_cdk.house import House

WIDTH = 12
Metrics = Sequence[cloudwatch.IMetric]


class Dashboard(Construct):
    """Draws the dashboard of a stage."""

    def __init__(
        self,
        scope: Construct,
        house: House,
        functions: Sequence[lambda_.IFunction],
        queues: Sequence[sqs.IQueue],
        machine: sfn.IStateMachine,
    ) -> None:
        super().__init__(scope, "Dashboard")
        self._api_name = api_name(house.stage)
        answers = [self._metric(name, "sum") for name in ("Count", "4XXError", "5XXError")]
        latencies = [self._metric("Latency", share) for share in ("p50", "p90", "p99")]
        durations = [function.metric_duration(statistic="p99") for function in functions]
        capacity = house.data.database.metric_serverless_database_capacity()
        waiting = [queue.metric_approximate_number_of_messages_visible() for queue in queues]
        runs = [machine.metric_started(), machine.metric_succeeded(), machine.metric_failed()]
        cloudwatch.Dashboard(
            self,
            "Board",
            dashboard_name=f"OrchStack-{house.stage.name}",
            widgets=[
                [
                    _graph("Requests", answers),
                    _graph("Latency, ms", latencies),
                ],
                [
                    _graph("Errors", [function.metric_errors() for function in functions]),
                    _graph("Throttles", [function.metric_throttles() for function in functions]),
                ],
                [
                    _graph("Duration p99, ms", durations),
                    _graph("Runs of the machine", runs),
                ],
                [
                    _graph("Waiting", waiting),
                    _graph("Database, ACU", [capacity]),
                ],
            ],
        )

    def _metric(self, name: str, statistic: str) -> cloudwatch.Metric:
        # By name: the API stands in a later stack.
        return cloudwatch.Metric(
            namespace="AWS/ApiGateway",
            metric_name=name,
            statistic=statistic,
            dimensions_map={"ApiName": self._api_name},
        )


def _graph(title: str, metrics: Metrics) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, left=list(metrics), width=WIDTH)
