"""One dashboard a stage: what callers see, what runs, what waits."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infra_cdk.constructs.python_function import PythonFunction
from infra_cdk.stacks.services import ServicesStack

WIDTH = 12


def dashboard(scope: Construct, api: apigateway.RestApi, services: ServicesStack) -> None:
    """Draw the dashboard of the stage."""
    functions = services.all_functions
    machine = services.agent_runtime.agent_run.machine
    board = cloudwatch.Dashboard(
        scope, "Dashboard", dashboard_name=f"OrchStack-{services.house.stage.name}"
    )
    board.add_widgets(
        _graph(
            "Requests", [api.metric_count(), api.metric_client_error(), api.metric_server_error()]
        ),
        _graph(
            "Latency, ms",
            [api.metric_latency(statistic=statistic) for statistic in ("p50", "p90", "p99")],
        ),
    )
    board.add_widgets(
        _graph("Errors", [function.function.metric_errors() for function in functions]),
        _graph("Throttles", [function.function.metric_throttles() for function in functions]),
    )
    board.add_widgets(
        _graph("Duration p99, ms", _durations(functions)),
        _graph(
            "Runs of the machine",
            [machine.metric_started(), machine.metric_succeeded(), machine.metric_failed()],
        ),
    )
    board.add_widgets(
        _graph(
            "Waiting",
            [q.queue.metric_approximate_number_of_messages_visible() for q in services.queues],
        ),
        _graph(
            "Database, ACU",
            [services.house.data.database.metric_serverless_database_capacity()],
        ),
    )


def _durations(functions: Sequence[PythonFunction]) -> list[cloudwatch.IMetric]:
    return [function.function.metric_duration(statistic="p99") for function in functions]


def _graph(title: str, metrics: Sequence[cloudwatch.IMetric]) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, left=list(metrics), width=WIDTH)
