"""moto evaluates JSONata on a JVM it does not have; here jsonata-python does it.

And an expression that cannot be evaluated fails its state with `States.QueryEvaluationError`, which
a Catch can name, not the whole execution with `States.Runtime`.
"""

from __future__ import annotations

import jsonata
import moto.stepfunctions.parser.asl.eval.environment
import moto.stepfunctions.parser.asl.parse.asl_parser  # noqa: F401 - loads all that use the name
from jsonata.jexception import JException
from moto.stepfunctions.parser.api import EvaluationFailedEventDetails, HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
    FailureEvent,
    FailureEventException,
)
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import (
    StatesErrorName,
)
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import (
    StatesErrorNameType,
)
from moto.stepfunctions.parser.asl.component.common.string.string_expression import StringJSONata
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
from moto.stepfunctions.parser.asl.jsonata.jsonata import JSONataException

from orchstack.local.state import Moto
from orchstack.local.state.rebinding import rebind

_eval_body = StringJSONata._eval_body  # noqa: SLF001 - what is mended


def evaluate(expression: str) -> Moto:
    """Evaluate one expression; raises moto's JSONataException with the engine's reason."""
    try:
        return _plain(jsonata.Jsonata(expression).evaluate(None))
    except (JException, ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise JSONataException("UNKNOWN", str(error)) from error


def install() -> None:
    """Give every user of the evaluator this one."""
    rebind("eval_jsonata_expression", evaluate)
    StringJSONata._eval_body = _eval_or_fail  # noqa: SLF001 - likewise


def _eval_or_fail(expression: Moto, env: Moto) -> None:
    try:
        _eval_body(expression, env)
    except JSONataException as error:
        name = StatesErrorName(typ=StatesErrorNameType.StatesQueryEvaluationError)
        details = EvaluationFailedEventDetails(
            cause=f"The JSONata expression '{expression.expression}' failed: {error.details}",
            error=name.error_name,
        )
        event = FailureEvent(
            env=env,
            error_name=name,
            event_type=HistoryEventType.EvaluationFailed,
            event_details=EventDetails(evaluationFailedEventDetails=details),
        )
        raise FailureEventException(event) from error


def _plain(value: Moto) -> Moto:
    # The engine has its own kinds of lists, which json refuses.
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value
