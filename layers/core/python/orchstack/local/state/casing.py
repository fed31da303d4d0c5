"""Step Functions writes parameters in PascalCase whatever the API does; moto forgets to convert.

Both hooks moto leaves empty are filled here, by the shapes botocore knows: names become the members
of the request, objects given where the API takes text or bytes become JSON, and on the way back
streams become text and times become ISO 8601.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from datetime import datetime

import botocore.session
from botocore import xform_name
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service,
)

from orchstack.kernel.plain import JsonObject
from orchstack.local.state import Moto

_Convert = Callable[[Moto, Shape | None], Moto]


def install() -> None:
    """Convert the parameters and answers of every service integration."""
    service_task = state_task_service.StateTaskService
    service_task._normalise_parameters = _normalise_parameters  # noqa: SLF001 - moto's hook
    service_task._normalise_response = _normalise_response  # noqa: SLF001 - moto's hook


def to_request(value: Moto, shape: Shape | None) -> Moto:
    """Convert parameters as a state machine writes them to what botocore takes."""
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        members = {name.lower(): name for name in shape.members}
        value = {str(members.get(key.lower(), key)): item for key, item in value.items()}
    if _contains(shape, value):
        return _inside(value, shape, to_request)
    return value if shape is None else _as_wanted(value, shape.type_name)


def to_result(value: Moto, shape: Shape | None) -> Moto:
    """Convert an answer of botocore to what a state machine reads."""
    if _contains(shape, value):
        converted = _inside(value, shape, to_result)
        if isinstance(shape, StructureShape):
            return {key[:1].upper() + key[1:]: item for key, item in converted.items()}
        return converted
    if hasattr(value, "read"):
        return value.read().decode(errors="replace")
    return value.isoformat() if isinstance(value, datetime) else value


def _as_wanted(value: Moto, type_name: str) -> Moto:
    if type_name in ("blob", "string") and isinstance(value, dict | list):
        value = json.dumps(value, separators=(",", ":"))
    return value.encode() if type_name == "blob" and isinstance(value, str) else value


def _contains(shape: Shape | None, value: Moto) -> bool:
    """Whether the shape says what is inside the value."""
    kinds = {"structure": dict, "map": dict, "list": list}
    return shape is not None and isinstance(value, kinds.get(shape.type_name, ()))


def _inside(value: Moto, shape: Shape | None, convert: _Convert) -> Moto:
    if isinstance(shape, StructureShape):
        return {key: convert(item, _member(shape, key)) for key, item in value.items()}
    if isinstance(shape, MapShape):
        return {key: convert(item, shape.value) for key, item in value.items()}
    member = shape.member if isinstance(shape, ListShape) else None
    return [convert(item, member) for item in value]


def _member(shape: StructureShape, name: str) -> Shape | None:
    return shape.members.get(name)


def _normalise_parameters(
    task: Moto,
    parameters: JsonObject,
    boto_service_name: str | None = None,
    service_action_name: str | None = None,
) -> None:
    shapes = _shapes(task, boto_service_name, service_action_name)
    converted = to_request(dict(parameters), shapes[0])
    parameters.clear()
    parameters.update(converted)


def _normalise_response(
    task: Moto,
    response: Moto,
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


def _shapes(task: Moto, service: str | None, action: str | None) -> tuple[Moto, Moto]:
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
