"""JSON read strictly: what two readers could take differently, or could not bear, is refused."""

from __future__ import annotations

import json
import math
from typing import NoReturn

from orchstack.kernel.errors import InvalidRequest, fault_at
from orchstack.kernel.plain import Json

MAX_DEPTH = 32

_TOO_LARGE = "The body holds a number that is too large."


def read(text: str) -> Json:
    """Read JSON: no NaN, no number beyond a float, no name twice, MAX_DEPTH levels at most.

    Raises InvalidRequest, with the line and column of malformed JSON.
    """
    try:
        plain = json.loads(
            text,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            object_pairs_hook=_unique,
        )
    except json.JSONDecodeError as error:
        raise InvalidRequest(
            f"The body is no JSON: {error.msg} at line {error.lineno}, column {error.colno}.",
            faults=[fault_at("", error.msg, error.lineno)],
        ) from None
    except RecursionError:
        _refuse_depth()
    except ValueError:
        raise InvalidRequest(_TOO_LARGE) from None
    # Walked only where the text leaves a doubt: most are flat.
    if text.count("{") + text.count("[") > MAX_DEPTH:
        _check_depth(plain)
    return plain


def inside(value: Json) -> list[Json]:
    """Give what a container holds, its names included; nothing for anything else."""
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    return value if isinstance(value, list) else []


def _check_depth(plain: Json) -> None:
    level = [plain]
    for _ in range(MAX_DEPTH):
        level = [inner for value in level for inner in inside(value)]
        if not level:
            return
    _refuse_depth()


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
