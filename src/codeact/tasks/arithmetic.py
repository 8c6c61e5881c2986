"""A calculator for tools: Python's arithmetic, read as data and never evaluated as code."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

LONGEST = 4000  # characters of an expression
LARGEST_POWER = 2000  # bits of an integer result: 9**9**9 must not keep the host busy

_BINARY: Mapping[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "truediv",
    ast.FloorDiv: "floordiv",
    ast.Mod: "mod",
}
_FUNCTIONS: Mapping[str, Callable[..., Any]] = {"abs": abs, "max": max, "min": min, "round": round, "sum": sum}


def evaluate(expression: str, *, functions: bool = False) -> Any:
    """The value of an expression of numbers, `+ - * / // % **` and parentheses.

    With `functions` also lists, tuples and `abs`, `max`, `min`, `round`, `sum` of them.

    Raises:
        ValueError: something else is in it, or it has no value; worded for the model.
    """
    if len(expression) > LONGEST:
        raise ValueError(f"the expression has {len(expression)} characters and may have {LONGEST}")
    try:
        value = _value(ast.parse(expression.strip(), mode="eval").body, functions)
    except (SyntaxError, TypeError, RecursionError, MemoryError) as error:
        raise ValueError(f"{expression!r} is not an arithmetic expression") from error
    except ArithmeticError as error:
        raise ValueError(f"{expression!r} has no value: {error}") from error
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{expression!r} has no finite value")
    return value


def _value(node: ast.expr, functions: bool) -> Any:
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_number(operand, functions)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return +_number(operand, functions)
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return _power(_number(left, functions), _number(right, functions))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            return getattr(operator, _BINARY[type(op)])(_number(left, functions), _number(right, functions))
        case ast.List(elts=items) if functions:
            return [_value(item, functions) for item in items]
        case ast.Tuple(elts=items) if functions:
            return tuple(_value(item, functions) for item in items)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if functions and name in _FUNCTIONS:
            return _FUNCTIONS[name](*(_value(arg, functions) for arg in args))
        case _:
            raise ValueError(f"{ast.unparse(node)!r} is not arithmetic: write numbers, + - * / // % ** and parentheses")


def _number(node: ast.expr, functions: bool) -> Any:
    value = _value(node, functions)
    if not isinstance(value, int | float):  # a list, whose `*` is no arithmetic
        raise ValueError(f"{ast.unparse(node)!r} is not a number")
    return value


def _power(base: Any, exponent: Any) -> Any:
    if isinstance(base, int) and isinstance(exponent, int) and base.bit_length() * abs(exponent) > LARGEST_POWER:
        raise ValueError(f"{base}**{exponent} is too large")
    value = base**exponent
    if isinstance(value, complex):
        raise ValueError(f"{base}**{exponent} is not a real number")
    return value
