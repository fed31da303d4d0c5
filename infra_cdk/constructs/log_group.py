"""Log groups: each with an explicit retention, none outliving its stack."""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from aws_cdk import aws_logs as logs
from constructs import Construct

_RETENTION = {
    7: logs.RetentionDays.ONE_WEEK,
    14: logs.RetentionDays.TWO_WEEKS,
    30: logs.RetentionDays.ONE_MONTH,
    90: logs.RetentionDays.THREE_MONTHS,
}


def log_group(scope: Construct, name: str, days: int) -> logs.LogGroup:
    """Make a log group kept for `days`, one of CloudWatch's own steps."""
    return logs.LogGroup(
        scope, name, retention=_RETENTION[days], removal_policy=RemovalPolicy.DESTROY
    )
