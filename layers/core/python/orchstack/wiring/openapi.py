"""The OpenAPI 3.1 description of the public API, and the JSON Schema of an agent's document.

Both are made from the operations and their models, so that what is described is what is checked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from pydantic import BaseModel, ConfigDict
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from orchstack.agent_runtime.model.events import LiveEventName
from orchstack.kernel import errors, sse
from orchstack.kernel.agents import AgentDocument
from orchstack.kernel.errors import InvalidDocument, OrchStackError
from orchstack.kernel.http import Idempotency, NoBody, Operation
from orchstack.kernel.plain import JsonObject
from orchstack.kernel.problems import CONTENT_TYPE as PROBLEM
from orchstack.wiring.catalogue import OPERATIONS

Json = JsonObject
AnyOperation = Operation[Any, Any]
Refs = dict[tuple[type, str], Json]

_VERSION: Final = "1.0.0"
_JSON: Final = "application/json"
_REF: Final = "#/components/schemas/{model}"
_MAX_PATH_TEXT: Final = 256
_PLACEHOLDER: Final = re.compile(r"\{([a-z_]+)\}")
_BAD_GATEWAY: Final = 502
_EVENT_ID: Final = r"^[0-9]{1,9}\.[0-9]{1,9}\.[0-9]{1,9}$"
# The schema of one event; readers of the description take a stream for a row of these.
_LIVE_EVENT: Final[JsonObject] = {
    "type": "object",
    "description": "One Server-Sent Event. The last is run.completed, run.failed or run.cancelled.",
    "required": ["id", "event", "data"],
    "properties": {
        "id": {
            "type": "string",
            "pattern": _EVENT_ID,
            "description": "Step, attempt and place in it; ids rise through the whole run.",
        },
        "event": {"type": "string", "enum": [name.value for name in LiveEventName]},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
}
_EXAMPLES: Final[JsonObject] = {
    "create_tenant": {"name": "Acme", "limits": {"requests_per_minute": 1200}},
    "create_key": {"name": "build server", "scopes": ["runs:write", "runs:read"]},
    "publish_agent": {
        "name": "adder",
        "instructions": "Answer sums. Use the calculator.",
        "tools": ["calculator"],
    },
    "validate_agent": {"name": "adder", "instructions": "Answer sums.", "tools": ["calculator"]},
    "set_alias": {"version": 1},
    "create_session": {"agent": "adder"},
    "rename_session": {"title": "Sums"},
    "start_run": {"input": "What is 17 * 23?"},
    "review_run": {"success": True, "score": 0.9, "label": "resolved"},
    "resume_run": {"answer": "Yes, go ahead."},
    "fork_run": {"from_step": 3, "tool_result": {"content": "392"}},
}
_PATH_EXAMPLES: Final = {"agent": "adder", "alias": "live"}


class ProblemFault(BaseModel):
    """One thing that is wrong: `path` is a JSON Pointer into the body, or names a parameter."""

    model_config = ConfigDict(extra="forbid")

    path: str
    message: str
    line: int | None = None


class Problem(BaseModel):
    """A problem document (RFC 9457): what happened and what to do next."""

    model_config = ConfigDict(extra="forbid")

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    faults: list[ProblemFault] = []


def describe() -> Json:
    """Make the OpenAPI document."""
    schemas, refs = _schemas()
    paths: dict[str, Json] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _described(operation, refs)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "OrchStack",
            "version": _VERSION,
            "description": "Run AI agents in production. Every refusal is a problem document.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        # Relative to this document, hence right in every stage and under every domain.
        "servers": [{"url": "."}],
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "headers": _headers(),
            "responses": {str(status): _problem(status) for status in _titles()},
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "`os_live_…`"}
            },
        },
    }


def agent_schema() -> Json:
    """Make the JSON Schema of the document of `PUT /v1/agents/{agent}`."""
    schema = AgentDocument.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_closed(schema)}


def _described(operation: AnyOperation, refs: Refs) -> Json:
    described: Json = {
        "operationId": operation.id,
        "summary": operation.summary,
        "tags": [operation.function.partition("/")[0]],
        "parameters": [*_path(operation), *_query(operation), *_header_parameters(operation)],
        "responses": _responses(operation, refs[operation.response, "serialization"]),
    }
    if operation.scope is None:
        described["security"] = []
    else:
        described["description"] = f"Needs the scope `{operation.scope}`."
    if operation.body is not NoBody:
        content: Json = {"schema": refs[operation.body, "validation"]}
        if operation.id in _EXAMPLES:
            content["examples"] = {"plain": {"value": _EXAMPLES[operation.id]}}
        described["requestBody"] = {"required": True, "content": {_JSON: content}}
    return described


def _path(operation: AnyOperation) -> Iterator[Json]:
    for name in _PLACEHOLDER.findall(operation.path):
        schema: Json = {"type": "string", "minLength": 1, "maxLength": _MAX_PATH_TEXT}
        if name in operation.path_pattern:
            schema["pattern"] = operation.path_pattern[name]
        parameter: Json = {"name": name, "in": "path", "required": True, "schema": schema}
        if name in _PATH_EXAMPLES:
            parameter["example"] = _PATH_EXAMPLES[name]
        yield parameter


def _query(operation: AnyOperation) -> Iterator[Json]:
    schema = _closed(operation.query.model_json_schema())
    definitions = schema.get("$defs", {})
    for name, given in schema.get("properties", {}).items():
        value = _resolved(_without_null(given), definitions)
        required = name in schema.get("required", ())
        yield {"name": name, "in": "query", "required": required, "schema": value}


def _header_parameters(operation: AnyOperation) -> Iterator[Json]:
    if operation.streaming and operation.method == "GET" and not operation.media_types:
        yield {
            "name": "Last-Event-ID",
            "in": "header",
            "required": False,
            "description": "Goes on behind this event; readers of Server-Sent Events send it.",
            "schema": {"type": "string", "pattern": f"{_EVENT_ID}|^$"},
        }
    if operation.idempotency is not Idempotency.NONE:
        yield {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "description": "The same key with the same request gives the same answer for 24 h.",
            "schema": {"type": "string", "pattern": r"^[\x21-\x7e]{1,255}$", "maxLength": 255},
        }


def _responses(operation: AnyOperation, schema: Json) -> Json:
    content: Json = {_JSON: {"schema": schema}}
    content |= {media: {"schema": {"type": "string"}} for media in operation.media_types}
    if operation.streaming and not operation.media_types:
        content[sse.CONTENT_TYPE] = {"schema": _LIVE_EVENT}
    names = ["X-Request-Id"]
    names += ["RateLimit-Policy", "RateLimit"] if operation.scope else []
    names += ["Idempotency-Replayed"] if operation.idempotency is not Idempotency.NONE else []
    success: Json = {
        "description": operation.summary,
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in names},
        "content": content,
    }
    statuses = (operation.status, *operation.other_statuses)
    problems = {
        str(status): {"$ref": f"#/components/responses/{status}"} for status in _refusals(operation)
    }
    return {**{str(status): success for status in statuses}, **problems}


def _refusals(operation: AnyOperation) -> list[int]:
    """Give the statuses of an operation's problem documents, those of the gateway included."""
    has_body = operation.body is not NoBody
    changes = operation.idempotency is not Idempotency.NONE
    statuses = {400, 413, 429, 500, _BAD_GATEWAY, 503, 504, *operation.refusals}
    statuses |= {401, 403} if operation.scope else set()
    statuses |= {404} if _PLACEHOLDER.search(operation.path) else set()
    statuses |= {409, 422} if changes else set()
    statuses |= {410} if operation.erasable else set()
    statuses |= {422} if has_body and operation.invalid_body is InvalidDocument else set()
    return sorted(statuses)


def _problem(status: int) -> Json:
    described: Json = {
        "description": _titles()[status],
        "headers": {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}},
        "content": {PROBLEM: {"schema": {"$ref": _REF.format(model=Problem.__name__)}}},
    }
    if status in {409, 429, 503, 504}:
        described["headers"]["Retry-After"] = {"$ref": "#/components/headers/Retry-After"}
    return described


def _titles() -> dict[int, str]:
    """Give each status of the error tree with the titles of its errors, and the gateway's own."""
    titles: dict[int, list[str]] = {_BAD_GATEWAY: ["The function died; send it again"]}
    for value in vars(errors).values():
        if isinstance(value, type) and issubclass(value, OrchStackError):
            titles.setdefault(value.status, []).append(value.title)
    return {status: "; ".join(names) for status, names in sorted(titles.items())}


def _headers() -> Json:
    return {
        "X-Request-Id": _header("Names this request in the logs; report it with a problem."),
        "RateLimit-Policy": _header('The limits that hold: `"tenant";q=1200;w=60`.'),
        "RateLimit": _header('What is left of them: `"tenant";r=1199;t=1`.'),
        "Idempotency-Replayed": _header("`true` where an earlier answer is given again."),
        "Retry-After": _header("Seconds to wait before sending the request again."),
    }


def _header(description: str) -> Json:
    return {"description": description, "schema": {"type": "string"}}


def _schemas() -> tuple[Json, Refs]:
    models: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {(Problem, "serialization"): None}
    for operation in OPERATIONS:
        models[operation.response, "serialization"] = None
        if operation.body is not NoBody:
            models[operation.body, "validation"] = None
    refs, document = models_json_schema(list(models), ref_template=_REF)
    return _closed(document["$defs"]), {(model, mode): ref for (model, mode), ref in refs.items()}


def _closed(schema: Any) -> Any:
    """Allow no other names in a map whose names have a pattern: pydantic enforces but omits it."""
    if isinstance(schema, list):
        return [_closed(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(value) for name, value in schema.items()}
    if "patternProperties" in closed and "additionalProperties" not in closed:
        closed["additionalProperties"] = False
    return closed


def _without_null(schema: Json) -> Json:
    """Take null away from an optional parameter: a query string cannot say it."""
    if "anyOf" not in schema:
        return schema
    others = [option for option in schema["anyOf"] if option != {"type": "null"}]
    rest = {name: value for name, value in schema.items() if name not in {"anyOf", "default"}}
    return {**(others[0] if len(others) == 1 else {"anyOf": others}), **rest}


def _resolved(schema: Json, definitions: Json) -> Json:
    """Put a definition in the place of a reference to it."""
    if "$ref" not in schema:
        return schema
    name = str(schema["$ref"]).rpartition("/")[2]
    rest = {key: value for key, value in schema.items() if key != "$ref"}
    return {**definitions[name], **rest}
