"""Synthesis: checked, quick, and the same each time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_s3 as s3

from infra_cdk.app import LOCAL, context
from infra_cdk.nag import check
from infra_cdk.stages import DEV
from tests.infra.assembly import Assembly, synthesize

# The CDK makes each function wait for its role, which the function refers to anyway.
REDUNDANT_DEPENDENCY = "W3005"


def test_an_unexplained_finding_fails(tmp_path: Path) -> None:
    """A resource that breaks a rule of AwsSolutions stops the synthesis."""
    app = App(outdir=str(tmp_path), context=context(), analytics_reporting=False)
    check(app)
    s3.Bucket(Stack(app, "Careless"), "Open")

    with pytest.raises(RuntimeError, match="AwsSolutions-S1"):
        app.synth()


def test_an_unchanged_tree_deploys_nothing(tmp_path: Path) -> None:
    """Synthesizing again gives the same templates, and so do the flags of the local cloud."""
    whole = synthesize(DEV, tmp_path / "whole")
    again = synthesize(DEV, tmp_path / "again")
    local = synthesize(DEV, tmp_path / "local", **LOCAL)

    assert whole.templates == again.templates
    assert whole.templates == local.templates


@pytest.mark.slow
def test_templates_are_valid(assembly: Assembly) -> None:
    """cfn-lint has nothing to say about a template of any stack."""
    templates = sorted(map(str, assembly.folder.glob("*.template.json")))
    lint = str(Path(sys.executable).with_name("cfn-lint"))
    command = [lint, "--ignore-checks", REDUNDANT_DEPENDENCY, "--", *templates]
    found = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - ours

    assert ("", "", 0) == (found.stdout, found.stderr, found.returncode)
