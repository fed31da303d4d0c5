"""Exact arithmetic, bounded so that no expression takes more than moments."""

from __future__ import annotations

import ast
import math
import warnings
from collections.abc import Callable, Sequence
from decimal import ROUND_FLOOR, Context, Decimal, DivisionByZero, InvalidOperation, Overflow
from typing import Annotated, Final

from pydantic import Field

from orchstack.kernel.frozen import Frozen
from orchstack.tool_exec.model import CallContext, ToolFault

Number = int | Decimal

MAX_EXPRESSION: Final = 500
MAX_DEPTH: Final = 60
MAX_EXPONENT: Final = 1_000
MAX_BITS: Final = 10_000
MAX_ROUNDING: Final = 100

_EXACT: Final = Context(
    prec=28, Emin=-9_999, Emax=9_999, traps=[DivisionByZero, InvalidOperation, Overflow]
)
# Decimals of a usual size are written out; beyond, in scientific notation.
_WRITTEN_OUT: Final = 30


class CalculatorArguments(Frozen):
    """What the calculator takes."""

    expression: Annotated[
        str,
        Field(
            min_length=1,
            max_length=MAX_EXPRESSION,
            description="For example (17 * 23) / 4 ** 2. Operators + - * / // % **, parentheses,"
            " and the functions sqrt, min, max, abs, round.",
        ),
    ]


class Calculator:
    """Works out arithmetic: whole numbers exactly, others as decimals of 28 digits."""

    name: str = "calculator"
    description: str = "Works out an arithmetic expression exactly."
    arguments: type[CalculatorArguments] = CalculatorArguments
    timeout_s: float = 2.0

    def run(self, arguments: CalculatorArguments, context: CallContext) -> str:
        """Give the result as digits. Raises ToolFault."""
        del context
        try:
            return _written(_value(_parsed(arguments.expression), arguments.expression, 0))
        except (ZeroDivisionError, DivisionByZero) as error:
            raise ToolFault("The expression divides by zero.") from error
        except Overflow as error:
            raise _too_large() from error
        except InvalidOperation as error:
            raise ToolFault("The expression has no real number as its result.") from error


def _parsed(expression: str) -> ast.expr:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(expression.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ToolFault(
            "That is no arithmetic expression; write it like (17 * 23) / 4, with ** for powers."
        ) from error


def _value(node: ast.expr, source: str, depth: int) -> Number:
    if depth > MAX_DEPTH:
        raise ToolFault("The expression is nested too deeply; work it out in parts.")

    def value(inner: ast.expr) -> Number:
        return _value(inner, source, depth + 1)

    match node:
        case ast.Constant(value=int() as whole) if not isinstance(whole, bool):
            return _bounded(whole)
        case ast.Constant(value=float()):
            return _decimal(ast.get_source_segment(source.strip(), node) or "")
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return value(operand)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -value(operand)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return _bounded(_OPERATORS[type(op)](value(left), value(right)))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in _FUNCTIONS:
            return _applied(name, [value(argument) for argument in arguments])
    raise ToolFault(
        "Only numbers, + - * / // % **, parentheses and sqrt, min, max, abs, round may be used."
    )


def _applied(name: str, values: Sequence[Number]) -> Number:
    least, most, function = _FUNCTIONS[name]
    if not least <= len(values) <= most:
        raise ToolFault(f"{name} takes another number of arguments.")
    return function(values)


def _decimal(value: str | Number) -> Decimal:
    return _EXACT.create_decimal(value)


def _bounded(value: Number) -> Number:
    if isinstance(value, int) and value.bit_length() > MAX_BITS:
        raise _too_large()
    return value


def _too_large() -> ToolFault:
    return ToolFault("The result is too large; ask for less.")


def _exact(
    whole: Callable[[int, int], int], decimal: Callable[[Decimal, Decimal], Decimal]
) -> Callable[[Number, Number], Number]:
    """Do it with whole numbers if both are, else with decimals."""

    def apply(left: Number, right: Number) -> Number:
        if isinstance(left, int) and isinstance(right, int):
            return whole(left, right)
        return decimal(_decimal(left), _decimal(right))

    return apply


def _divide(left: Number, right: Number) -> Number:
    if isinstance(left, int) and isinstance(right, int) and right and left % right == 0:
        return left // right
    return _EXACT.divide(_decimal(left), _decimal(right))


def _floor(left: Decimal, right: Decimal) -> Decimal:
    return _EXACT.divide(left, right).to_integral_value(ROUND_FLOOR, _EXACT)


def _modulo(left: Decimal, right: Decimal) -> Decimal:
    return _EXACT.subtract(left, _EXACT.multiply(_floor(left, right), right))


def _power(left: Number, right: Number) -> Number:
    if not -MAX_EXPONENT <= right <= MAX_EXPONENT:
        raise ToolFault(f"An exponent may be {MAX_EXPONENT} at most.")
    if left == 0 and right < 0:
        # The decimal module would give Infinity here, without a word.
        raise ZeroDivisionError
    if isinstance(left, int) and isinstance(right, int) and right >= 0:
        if left.bit_length() * right > MAX_BITS:
            raise _too_large()
        return int(left**right)
    return _EXACT.power(_decimal(left), _decimal(right))


def _sqrt(values: Sequence[Number]) -> Number:
    (value,) = values
    if isinstance(value, int) and value >= 0 and math.isqrt(value) ** 2 == value:
        return math.isqrt(value)
    return _EXACT.sqrt(_decimal(value))


def _round(values: Sequence[Number]) -> Number:
    value, *rest = values
    digits = rest[0] if rest else 0
    if not isinstance(digits, int) or abs(digits) > MAX_ROUNDING:
        raise ToolFault(f"round takes a whole number of digits, {MAX_ROUNDING} at most.")
    if isinstance(value, int):
        return round(value, digits)
    if digits >= -int(value.as_tuple().exponent):
        return value
    rounded = _EXACT.quantize(value, Decimal((0, (1,), -digits)))
    return int(rounded) if digits <= 0 else rounded


_OPERATORS: Final[dict[type[ast.operator], Callable[[Number, Number], Number]]] = {
    ast.Add: _exact(int.__add__, _EXACT.add),
    ast.Sub: _exact(int.__sub__, _EXACT.subtract),
    ast.Mult: _exact(int.__mul__, _EXACT.multiply),
    ast.Div: _divide,
    ast.FloorDiv: _exact(int.__floordiv__, _floor),
    ast.Mod: _exact(int.__mod__, _modulo),
    ast.Pow: _power,
}
_MANY: Final = 100
_FUNCTIONS: Final[dict[str, tuple[int, int, Callable[[Sequence[Number]], Number]]]] = {
    "sqrt": (1, 1, _sqrt),
    "min": (1, _MANY, lambda values: min(values, key=Decimal)),
    "max": (1, _MANY, lambda values: max(values, key=Decimal)),
    "abs": (1, 1, lambda values: max(values[0], -values[0], key=Decimal)),
    "round": (1, 2, _round),
}


def _written(value: Number) -> str:
    if isinstance(value, int):
        return str(value)
    shortest = value.normalize(_EXACT)
    if abs(shortest.adjusted()) > _WRITTEN_OUT:
        return str(shortest)
    return format(shortest + 0, "f")
