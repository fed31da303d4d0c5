"""Judging what a caller sent: path, query, headers and body, each fault named by its place.

A fault's `path` is a JSON Pointer into the body (`/limits/max_steps`), or `query.limit`,
`path.agent`, `header.Idempotency-Key`. No message repeats what was sent.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from orchstack.kernel import strict_json
from orchstack.kernel.errors import (
    MAX_FAULTS,
    Fault,
    InvalidRequest,
    PayloadTooLarge,
    fault_at,
)
from orchstack.kernel.http import AnyOperation, Operation
from orchstack.kernel.json_lines import line_of, pointer
from orchstack.kernel.plain import Json

_MAX_TEXT = 256
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_FORBIDDEN = re.compile(r"[\x00\ud800-\udfff]")

ModelT = TypeVar("ModelT", bound=BaseModel)


def path_parameters(operation: AnyOperation, given: Mapping[str, str]) -> dict[str, str]:
    """Check the path's parameters against the operation's patterns; raises InvalidRequest."""
    faults = []
    for name, value in given.items():
        pattern = operation.path_pattern.get(name)
        if len(value) > _MAX_TEXT or _UNPRINTABLE.search(value):
            faults.append(fault_at(f"path.{name}", "is too long or holds control characters"))
        elif pattern and not re.fullmatch(pattern, value):
            faults.append(fault_at(f"path.{name}", f"does not match {pattern}"))
    if faults:
        raise InvalidRequest("A part of the path is not valid; see `faults`.", faults=faults)
    return dict(given)


def query(model: type[ModelT], given: Mapping[str, tuple[str, ...]]) -> ModelT:
    """Read the query parameters; a name may be given once. Raises InvalidRequest."""
    faults = [
        fault_at(f"query.{name}", "is given more than once")
        for name, values in given.items()
        if len(values) > 1
    ]
    single = {name: values[0] for name, values in given.items() if values}
    faults += [
        fault_at(f"query.{name}", "holds a character that is not allowed")
        for name, value in single.items()
        if _FORBIDDEN.search(name + value)
    ]
    if not faults:
        try:
            return model.model_validate_strings(single)
        except ValidationError as error:
            faults = [
                fault_at(f"query.{'.'.join(map(str, e['loc']))}", _message(e))
                for e in error.errors(include_url=False, include_input=False)
            ]
    raise InvalidRequest("The query parameters are not valid; see `faults`.", faults=faults)


def idempotency_key(headers: Mapping[str, str]) -> str | None:
    """Read the Idempotency-Key header; raises InvalidRequest unless it is visible ASCII."""
    key = headers.get("idempotency-key")
    if key is None or _IDEMPOTENCY_KEY.fullmatch(key):
        return key
    faults = [fault_at("header.Idempotency-Key", "must be 1 to 255 visible ASCII characters")]
    raise InvalidRequest("The Idempotency-Key is not valid; send a UUID.", faults=faults)


def body(operation: Operation[ModelT, Any], raw: bytes) -> tuple[ModelT, Json]:
    """Read the body; gives the validated model and the plain JSON it was read from.

    Raises PayloadTooLarge, InvalidRequest with the line and column of malformed JSON, or the
    operation's `invalid_body` with the faults of a body that does not fit its model.
    """
    if len(raw) > operation.max_body_bytes:
        raise PayloadTooLarge(
            f"The body has {len(raw)} bytes; this operation accepts {operation.max_body_bytes}."
        )
    if not raw.strip():
        raw = b"{}"
    text = _text(raw)
    plain = strict_json.read(text)
    _check_text(plain, text)
    try:
        return operation.body.model_validate_json(raw, strict=True), plain
    except ValidationError as error:
        raise operation.invalid_body(
            "The body does not fit this operation; see `faults`, and /openapi.json for its schema.",
            faults=faults_in(error, text),
        ) from None


def fingerprint(operation: AnyOperation, parameters: Mapping[str, str], plain: Json) -> str:
    """SHA-256 of operation, path and body; spacing and the order of names do not count."""
    canonical = json.dumps([operation.id, dict(parameters), plain], sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"The body is not UTF-8: byte {error.start} is not valid.") from None


def _check_text(plain: Json, text: str) -> None:
    """NUL and half a surrogate pair can only come escaped; most bodies escape nothing."""
    level = [plain] if "\\u" in text else []
    while level:
        if any(isinstance(value, str) and _FORBIDDEN.search(value) for value in level):
            raise InvalidRequest("The body holds a NUL character or half a surrogate pair.")
        level = [inner for value in level for inner in strict_json.inside(value)]


def faults_in(
    error: ValidationError, text: str | None = None, *, limit: int = MAX_FAULTS
) -> list[Fault]:
    """Name what does not fit a model by JSON Pointer, and by its line in the text if given one."""
    found = error.errors(include_url=False, include_input=False)[:limit]
    return [
        fault_at(
            pointer(d["loc"])[:_MAX_TEXT],
            _message(d),
            None if text is None else line_of(text, d["loc"]),
        )
        for d in found
    ]


def _message(details: ErrorDetails) -> str:
    if details["type"] == "extra_forbidden":
        return "is not a known name"
    return details["msg"]
