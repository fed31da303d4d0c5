"""The calculator: exact, and never busy for long."""

from __future__ import annotations

import time
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from orchstack.kernel.ids import new_id
from orchstack.tool_exec.adapters.calculator import Calculator, CalculatorArguments
from orchstack.tool_exec.model import CallContext, ToolFault

CONTEXT = CallContext(tenant_id=new_id(), idempotency_key="k", deadline=0.0)


def calculate(expression: str) -> str:
    """The result of an expression."""
    return Calculator().run(CalculatorArguments(expression=expression), CONTEXT)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("17 * 23", "391"),
        (" (1 + 2) * -3 ", "-9"),
        ("0.1 + 0.2", "0.3"),
        ("10 / 4", "2.5"),
        ("10 / 5", "2"),
        ("1 / 3", "0." + "3" * 28),
        ("2 ** 100", "1267650600228229401496703205376"),
        ("2 ** -2", "0.25"),
        ("-7 // 2", "-4"),
        ("-7.5 // 2", "-4"),
        ("-7 % 3", "2"),
        ("5.5 % 2", "1.5"),
        ("sqrt(16)", "4"),
        ("sqrt(2)", "1.414213562373095048801688724"),
        ("min(3, 1.5, 2) + max(1, 2)", "3.5"),
        ("abs(-3.5) + abs(2)", "5.5"),
        ("round(2.567, 2)", "2.57"),
        ("round(1234.5, -2)", "1200"),
        ("round(3.14, 50)", "3.14"),
        ("1e3 + 1", "1001"),
        ("1e-50", "1E-50"),
        ("100.0", "100"),
        ("0.0 * -1", "0"),
        ("+1_000", "1000"),
    ],
)
def test_arithmetic_is_exact(expression: str, expected: str) -> None:
    """Whole numbers stay whole, decimals stay decimal, up to 28 digits."""
    assert expected == calculate(expression)


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("1 / 0", "divides by zero"),
        ("0 ** -1", "divides by zero"),
        ("round(0.0 ** -0.5, -99)", "divides by zero"),
        ("1.5 % 0", "divides by zero|no real number"),
        ("sqrt(-1)", "no real number"),
        ("(-8) ** 0.5", "no real number"),
        ("9 ** 9 ** 9", "exponent"),
        ("10 ** 1000 ** 1", "too large|exponent|^1"),
        ("1.5e9000 * 1e9000", "too large"),
        ("round(1, 1.5)", "whole number of digits"),
        ("abs(1, 2)", "number of arguments"),
        ("min()", "number of arguments"),
        ("2 ^ 3", "Only numbers"),
        ("2 + x", "Only numbers"),
        ("True + 1", "Only numbers"),
        ("'a' * 9", "Only numbers"),
        ("1j", "Only numbers"),
        ("__import__('os').system('id')", "Only numbers"),
        ("(lambda: 1)()", "Only numbers"),
        ("[1][0]", "Only numbers"),
        ("1 if 1 else 2", "Only numbers"),
        ("min(*(1, 2))", "Only numbers"),
        ("round(1.5, ndigits=0)", "Only numbers"),
        ("(1 + 2", "no arithmetic"),
        ("1; 2", "no arithmetic"),
        ("x = 1", "no arithmetic"),
        ("-" * 490 + "1", "nested too deeply"),
    ],
)
def test_what_cannot_be_worked_out_is_told(expression: str, words: str) -> None:
    """Nothing but arithmetic is worked out, and the fault says what to write instead."""
    try:
        told = calculate(expression)
    except ToolFault as fault:
        told = str(fault)

    assert any(word.removeprefix("^") in told for word in words.split("|"))


@pytest.mark.parametrize("expression", ["", "1" * 501])
def test_expressions_have_a_length(expression: str) -> None:
    """Nothing and too much are refused before any work."""
    with pytest.raises(ValidationError):
        CalculatorArguments(expression=expression)


NASTY = st.recursive(
    st.sampled_from(["9", "999999999", "0.1", "1e900", "-7", "1000"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "*", "**", "//", "%", "/"]), inner).map("".join),
        inner.map("({})".format),
        inner.map("sqrt({})".format),
        inner.map("round({},-99)".format),
    ),
    max_leaves=40,
)


@settings(max_examples=300, deadline=None)
@given(NASTY)
def test_no_expression_takes_long(expression: str) -> None:
    """Whatever is written, there is a result or a fault within a moment."""
    before = time.process_time()
    try:
        told = calculate(expression[:500])
    except ToolFault as fault:
        told = str(fault)

    assert told
    assert time.process_time() - before < 0.25


@settings(deadline=None)
@given(st.integers(-(10**9), 10**9), st.sampled_from("+-*"), st.integers(-(10**9), 10**9))
def test_whole_numbers_agree_with_python(left: int, sign: str, right: int) -> None:
    """Sums, differences and products of whole numbers are exact."""
    expected = {"+": left + right, "-": left - right, "*": left * right}[sign]

    assert str(expected) == calculate(f"({left}) {sign} ({right})")
    assert Fraction(calculate(f"({left}) / 8")) == Fraction(left, 8)
