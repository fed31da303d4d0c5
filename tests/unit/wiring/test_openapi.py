"""The description of the API."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from orchstack.kernel.agents import ASK_HUMAN, AgentDocument
from orchstack.kernel.errors import RateLimited
from orchstack.kernel.http import Idempotency, NoBody, Operation
from orchstack.kernel.problems import problem
from orchstack.wiring import openapi
from orchstack.wiring.catalogue import OPERATIONS
from orchstack.wiring.tool_exec import tool_executor

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    """The document, as a client reads it."""
    document: dict[str, Any] = json.loads(json.dumps(openapi.describe()))
    return document


def _of(described: dict[str, Any], operation: Operation[Any, Any]) -> dict[str, Any]:
    found: dict[str, Any] = described["paths"][operation.path][operation.method.lower()]
    return found


def _validator(described: dict[str, Any], schema: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator({**schema, "components": described["components"]})


def test_the_document_is_valid(described: dict[str, Any]) -> None:
    """By the judgement of an independent program."""
    validate(described)


def test_every_operation_is_described_once(described: dict[str, Any]) -> None:
    """Under its own id."""
    ids = [operation.id for operation in OPERATIONS]
    found = [o["operationId"] for path in described["paths"].values() for o in path.values()]

    assert sorted(ids) == sorted(found)
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)
def test_an_operation_tells_all_its_answers(
    described: dict[str, Any], operation: Operation[Any, Any]
) -> None:
    """Success and every refusal, and who may call it."""
    found = _of(described, operation)
    expected = {"400", "413", "429", "500", "502", "503", "504", str(operation.status)}
    expected |= {str(status) for status in operation.other_statuses}
    expected |= {"401", "403"} if operation.scope else set()
    expected |= {"404"} if "{" in operation.path else set()
    changes = operation.idempotency is not Idempotency.NONE
    expected |= {"409", "422"} if changes else set()
    expected |= {"410"} if operation.erasable else set()
    expected |= {str(status) for status in operation.refusals}

    assert expected == set(found["responses"])
    assert (operation.scope is None) == (found.get("security") == [])
    assert (operation.body is not NoBody) == ("requestBody" in found)
    assert changes == ("Idempotency-Key" in {p["name"] for p in found["parameters"]})


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)
def test_every_parameter_of_a_path_has_a_pattern(
    described: dict[str, Any], operation: Operation[Any, Any]
) -> None:
    """So that a client knows what is refused before it is sent."""
    parameters = [p for p in _of(described, operation)["parameters"] if p["in"] == "path"]

    assert re.findall(r"\{(\w+)\}", operation.path) == [p["name"] for p in parameters]
    assert all("pattern" in p["schema"] for p in parameters)


@pytest.mark.parametrize(
    "operation", [o for o in OPERATIONS if o.body is not NoBody], ids=lambda o: o.id
)
def test_examples_are_accepted(described: dict[str, Any], operation: Operation[Any, Any]) -> None:
    """By the schema that is published and by the model that judges."""
    content = _of(described, operation)["requestBody"]["content"]["application/json"]
    example = content["examples"]["plain"]["value"]

    _validator(described, content["schema"]).validate(example)
    operation.body.model_validate_json(json.dumps(example), strict=True)


def test_problems_fit_their_schema(described: dict[str, Any]) -> None:
    """With faults and without."""
    faults: list[dict[str, Any]] = [
        {"path": "/name", "message": "is wrong", "line": 3},
        {"path": "", "message": "is empty"},
    ]
    error = RateLimited("Wait.", retry_after_s=1, faults=faults)
    schema = {"$ref": "#/components/schemas/Problem"}

    for given in (error, RateLimited()):
        document = problem(given, instance="/v1/agents", request_id="r")
        _validator(described, schema).validate(document)


def test_maps_with_named_patterns_are_closed() -> None:
    """A label with another name is refused, and the schema says so."""
    validator = Draft202012Validator(openapi.agent_schema())
    document = {"name": "a", "instructions": "b", "labels": {"white space": "c"}}

    assert ["labels"] == [error.path[0] for error in validator.iter_errors(document)]


def test_the_schema_of_agents_is_the_one_beside_the_examples() -> None:
    """Editors check the examples by this file; `make generate` writes it anew."""
    kept = json.loads((ROOT / "examples" / "agent.schema.json").read_text())

    assert kept == json.loads(json.dumps(openapi.agent_schema()))


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.yaml")), ids=lambda p: p.stem)
def test_examples_are_agents(path: Path) -> None:
    """Each file under examples/ can be published under its own name."""
    import yaml

    document = AgentDocument.model_validate(yaml.safe_load(path.read_text()))

    assert path.stem == document.name
    assert set(document.tools) <= {ASK_HUMAN, *tool_executor().known()}


def test_a_stream_says_how_to_go_on() -> None:
    """Following a run takes the header that readers of Server-Sent Events send by themselves."""
    parameters = openapi.describe()["paths"]["/v1/runs/{run_id}/events"]["get"]["parameters"]

    assert {"run_id", "after", "types", "Last-Event-ID"} == {each["name"] for each in parameters}
