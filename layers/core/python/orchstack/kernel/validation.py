"""Judging what a caller sent: path, query, headers and body, each fault named by its place.

A fault's `path` is a JSON Pointer into the body (`/limits/max_steps`), or `query.limit`,
`path.agent`, `header.Idempotency-Key`. No message repeats what was sent.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from orchstack.kernel.errors import InvalidRequest, PayloadTooLarge
from orchstack.kernel.http import AnyOperation, Operation
from orchstack.kernel.json_lines import line_of, pointer

MAX_DEPTH = 32
_MAX_TEXT = 256
_MAX_FAULTS = 20
_TOO_LARGE = "The body holds a number that is too large."
_IDEMPOTENCY_KEY = re.compile(r"^[\x21-\x7e]{1,255}$")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_FORBIDDEN = re.compile(r"[\x00\ud800-\udfff]")

ModelT = TypeVar("ModelT", bound=BaseModel)
Json = Any


def path_parameters(operation: AnyOperation, given: Mapping[str, str]) -> dict[str, str]:
    """Check the path's parameters against the operation's patterns; raises InvalidRequest."""
    faults = []
    for name, value in given.items():
        pattern = operation.path_pattern.get(name)
        if len(value) > _MAX_TEXT or _UNPRINTABLE.search(value):
            faults.append(_fault(f"path.{name}", "is too long or holds control characters"))
        elif pattern and not re.fullmatch(pattern, value):
            faults.append(_fault(f"path.{name}", f"does not match {pattern}"))
    if faults:
        raise InvalidRequest("A part of the path is not valid; see `faults`.", faults=faults)
    return dict(given)


def query(model: type[ModelT], given: Mapping[str, tuple[str, ...]]) -> ModelT:
    """Read the query parameters; a name may be given once. Raises InvalidRequest."""
    faults = [
        _fault(f"query.{name}", "is given more than once")
        for name, values in given.items()
        if len(values) > 1
    ]
    single = {name: values[0] for name, values in given.items() if values}
    faults += [
        _fault(f"query.{name}", "holds a character that is not allowed")
        for name, value in single.items()
        if _FORBIDDEN.search(name + value)
    ]
    if not faults:
        try:
            return model.model_validate_strings(single)
        except ValidationError as error:
            faults = [
                _fault(f"query.{'.'.join(map(str, e['loc']))}", _message(e))
                for e in error.errors(include_url=False, include_input=False)
            ]
    raise InvalidRequest(
        "The query parameters are not valid; see `faults`.", faults=faults[:_MAX_FAULTS]
    )


def idempotency_key(headers: Mapping[str, str]) -> str | None:
    """Read the Idempotency-Key header; raises InvalidRequest unless it is visible ASCII."""
    key = headers.get("idempotency-key")
    if key is None or _IDEMPOTENCY_KEY.match(key):
        return key
    faults = [_fault("header.Idempotency-Key", "must be 1 to 255 visible ASCII characters")]
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
    plain = parse(text)
    _check_depth_and_text(plain, text)
    try:
        return operation.body.model_validate_json(raw, strict=True), plain
    except ValidationError as error:
        raise operation.invalid_body(
            "The body does not fit this operation; see `faults`, and /openapi.json for its schema.",
            faults=_body_faults(error, text),
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


def parse(text: str) -> Json:
    """Read JSON: no NaN, no number beyond a float, no name twice; raises InvalidRequest."""
    try:
        return json.loads(
            text,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            object_pairs_hook=_unique,
        )
    except json.JSONDecodeError as error:
        raise InvalidRequest(
            f"The body is no JSON: {error.msg} at line {error.lineno}, column {error.colno}.",
            faults=[{"path": "", "message": error.msg, "line": error.lineno}],
        ) from None
    except RecursionError:
        _refuse_depth()
    except ValueError:
        raise InvalidRequest(_TOO_LARGE) from None


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidRequest(f"The body is no JSON: {name} is not a number.")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise InvalidRequest(_TOO_LARGE)
    return number


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    """Readers differ in which of two equal names counts: none is taken."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InvalidRequest("The body gives a name twice in one object; give it once.")
    return found


def _refuse_depth() -> NoReturn:
    raise InvalidRequest(f"The body nests deeper than {MAX_DEPTH} levels; make it flatter.")


def _check_depth_and_text(plain: Json, text: str) -> None:
    """Walks the body only where its text leaves a doubt: most bodies are flat and plain."""
    if "\\u" not in text and text.count("{") + text.count("[") <= MAX_DEPTH:
        return
    level = [plain]
    for _ in range(MAX_DEPTH):
        if any(isinstance(value, str) and _FORBIDDEN.search(value) for value in level):
            raise InvalidRequest("The body holds a NUL character or half a surrogate pair.")
        level = [inner for value in level for inner in _inside(value)]
        if not level:
            return
    _refuse_depth()


def _inside(value: Json) -> list[Json]:
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    return value if isinstance(value, list) else []


def _body_faults(error: ValidationError, text: str) -> list[dict[str, Any]]:
    faults = []
    for details in error.errors(include_url=False, include_input=False)[:_MAX_FAULTS]:
        place = details["loc"]
        fault = _fault(pointer(place)[:_MAX_TEXT], _message(details))
        line = line_of(text, place)
        faults.append(fault if line is None else {**fault, "line": line})
    return faults


def _message(details: ErrorDetails) -> str:
    if details["type"] == "extra_forbidden":
        return "is not a known name"
    return details["msg"]


def _fault(path: str, message: str) -> dict[str, Any]:
    return {"path": path, "message": message}
