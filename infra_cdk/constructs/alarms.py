"""Alarms: each tells the stage's topic, and treats silence as health."""

from __future__ import annotations

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from constructs import Construct

from infra_cdk.house import House


def alarm(
    scope: Construct,
    name: str,
    house: House,
    metric: cloudwatch.IMetric,
    *,
    above: float,
    periods: int = 1,
) -> cloudwatch.Alarm:
    """Raise an alarm once `metric` was above `above` for `periods` of its periods in a row."""
    made = cloudwatch.Alarm(
        scope,
        name,
        metric=metric,
        threshold=above,
        evaluation_periods=periods,
        comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
        treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
    )
    made.add_alarm_action(actions.SnsAction(house.data.alarms))
    return made
