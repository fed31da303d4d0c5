"""Step Functions writes parameters in PascalCase whatever the API does; moto forgets to convert.

Both hooks moto leaves empty are filled here, by the shapes botocore knows: names become the members
of the request, objects given where the API takes text or bytes become JSON, and on the way back
streams become text and times become ISO 8601.
"""

from __future__ import annotations

import functools
import json
from datetime import datetime
from typing import Any

import botocore.session
from botocore import xform_name
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service,
)


def install() -> None:
    """Convert the parameters and answers of every service integration."""
    service_task = state_task_service.StateTaskService
    service_task._normalise_parameters = _normalise_parameters  # noqa: SLF001 - moto's hook
    service_task._normalise_response = _normalise_response  # noqa: SLF001 - moto's hook


def to_request(value: Any, shape: Shape | None) -> Any:
    """Convert parameters as a state machine writes them to what botocore takes."""
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        members = {name.lower(): name for name in shape.members}
        named = {str(members.get(key.lower(), key)): item for key, item in value.items()}
        return {key: to_request(item, _member(shape, key)) for key, item in named.items()}
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [to_request(item, shape.member) for item in value]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return {key: to_request(item, shape.value) for key, item in value.items()}
    if shape is None or shape.type_name not in ("blob", "string"):
        return value
    if isinstance(value, dict | list):
        value = json.dumps(value, separators=(",", ":"))
    return value.encode() if shape.type_name == "blob" and isinstance(value, str) else value


def to_result(value: Any, shape: Shape | None) -> Any:
    """Convert an answer of botocore to what a state machine reads."""
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        return {
            key[:1].upper() + key[1:]: to_result(item, _member(shape, key))
            for key, item in value.items()
        }
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [to_result(item, shape.member) for item in value]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return {key: to_result(item, shape.value) for key, item in value.items()}
    if hasattr(value, "read"):
        return value.read().decode(errors="replace")
    return value.isoformat() if isinstance(value, datetime) else value


def _member(shape: StructureShape, name: str) -> Shape | None:
    return shape.members.get(name)


def _normalise_parameters(
    task: Any,
    parameters: dict[str, Any],
    boto_service_name: str | None = None,
    service_action_name: str | None = None,
) -> None:
    shapes = _shapes(task, boto_service_name, service_action_name)
    converted = to_request(dict(parameters), shapes[0])
    parameters.clear()
    parameters.update(converted)


def _normalise_response(
    task: Any,
    response: Any,
    boto_service_name: str | None = None,
    service_action_name: str | None = None,
) -> None:
    if not isinstance(response, dict):
        return
    shapes = _shapes(task, boto_service_name, service_action_name)
    converted = to_result(dict(response), shapes[1])
    converted.pop("ResponseMetadata", None)
    response.clear()
    response.update(converted)


def _shapes(task: Any, service: str | None, action: str | None) -> tuple[Any, Any]:
    return _operation_shapes(
        task._get_boto_service_name(service),  # noqa: SLF001 - moto's naming rules
        task._get_boto_service_action(action),  # noqa: SLF001 - moto's naming rules
    )


@functools.cache
def _operation_shapes(service: str, action: str) -> tuple[Shape | None, Shape | None]:
    model = _model(service)
    for name in model.operation_names:
        if xform_name(name) == action:
            operation = model.operation_model(name)
            return operation.input_shape, operation.output_shape
    return None, None


@functools.cache
def _model(service: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(service)
