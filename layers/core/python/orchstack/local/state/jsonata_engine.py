"""moto evaluates JSONata on a JVM it does not have; here jsonata-python does it."""

from __future__ import annotations

from typing import Any

import jsonata
import moto.stepfunctions.parser.asl.eval.environment
import moto.stepfunctions.parser.asl.parse.asl_parser  # noqa: F401 - loads all that use the name
from jsonata.jexception import JException
from moto.stepfunctions.parser.asl.jsonata.jsonata import JSONataException

from orchstack.local.state.rebinding import rebind


def evaluate(expression: str) -> Any:
    """Evaluate one expression; raises moto's JSONataException with the engine's reason."""
    try:
        return _plain(jsonata.Jsonata(expression).evaluate(None))
    except (JException, ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise JSONataException("UNKNOWN", str(error)) from error


def install() -> None:
    """Give every user of the evaluator this one."""
    rebind("eval_jsonata_expression", evaluate)


def _plain(value: Any) -> Any:
    # The engine has its own kinds of lists, which json refuses.
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value
