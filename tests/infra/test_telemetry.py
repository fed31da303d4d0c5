"""Traces leave the account where the operator wants it, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from infra_cdk.stages import DEV
from tests.infra.assembly import Assembly, listed, synthesize
from tests.infra.conftest import UNBUNDLED

ENDPOINT = "https://otlp.example.com/v1/traces"
SECRET = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:otlp-headers-AbCdEf"


@pytest.fixture(scope="module")
def exporting(tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    """A stage whose operator has a collector."""
    stage = replace(DEV, otlp_endpoint=ENDPOINT, otlp_headers_secret_arn=SECRET)
    return synthesize(stage, tmp_path_factory.mktemp("exporting"), **UNBUNDLED)


def _sources(assembly: Assembly) -> dict[str, str]:
    """Give the queues by the handler that consumes them."""
    return {
        assembly.get(s.properties["FunctionName"]["Ref"]).properties["Handler"]: s.properties[
            "EventSourceArn"
        ]["Fn::GetAtt"][0]
        for s in assembly.of("AWS::Lambda::EventSourceMapping")
    }


def test_nothing_is_exported_unless_it_is_asked_for(dev: Assembly) -> None:
    """The function lies there without a queue and without an address."""
    (export,) = (
        f for f in dev.of("AWS::Lambda::Function") if "export_traces" in f.properties["Handler"]
    )

    assert "export_traces.handler" not in _sources(dev)
    assert "ORCHSTACK_OTLP_ENDPOINT" not in export.properties["Environment"]["Variables"]


def test_an_operators_collector_is_told_of_ended_runs(exporting: Assembly) -> None:
    """From a queue of its own, with dead letters, beside that of the outcomes."""
    sources = _sources(exporting)
    rules = [
        target["Arn"]["Fn::GetAtt"][0]
        for rule in exporting.of("AWS::Events::Rule")
        if "detail-type" in rule.properties["EventPattern"]
        for target in listed(rule.properties["Targets"])
    ]
    queue = exporting.get(sources["export_traces.handler"])

    assert {sources["export_traces.handler"], sources["record_outcome.handler"]} == set(rules)
    assert 5 == queue.properties["RedrivePolicy"]["maxReceiveCount"]


def test_the_headers_stay_in_their_secret(exporting: Assembly) -> None:
    """The function is told which, and may read exactly that one."""
    (export,) = (
        f
        for f in exporting.of("AWS::Lambda::Function")
        if "export_traces" in f.properties["Handler"]
    )
    variables = export.properties["Environment"]["Variables"]
    readable = {
        str(resource)
        for policy in exporting.of("AWS::IAM::Policy")
        if export.properties["Role"]["Fn::GetAtt"][0] in str(policy.properties["Roles"])
        for statement in policy.properties["PolicyDocument"]["Statement"]
        if "secretsmanager:GetSecretValue" in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    }

    assert (ENDPOINT, SECRET) == (
        variables["ORCHSTACK_OTLP_ENDPOINT"],
        variables["ORCHSTACK_OTLP_HEADERS_SECRET_ARN"],
    )
    assert {SECRET} == readable
