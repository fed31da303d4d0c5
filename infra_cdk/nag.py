"""cdk-nag: its findings fail the synthesis, unless they are acknowledged with a reason."""

from __future__ import annotations

from aws_cdk import Acknowledgment, App, Validations
from cdk_nag import AwsSolutionsChecks
from constructs import IConstruct


def check(app: App) -> None:
    """Check `app` by the rules of AwsSolutions when it is synthesized."""
    Validations.of(app).add_plugins(AwsSolutionsChecks(app, verbose=True))


def acknowledge(construct: IConstruct, reasons: dict[str, str]) -> None:
    """Say why a finding on `construct` stands: rule, as in `AwsSolutions-S1`, to reason."""
    for rule, reason in reasons.items():
        Validations.of(construct).acknowledge(Acknowledgment(id=rule, reason=reason))
