"""Answers in Python's notation as LaTeX: `sqrt(3)/2`, `Rational(1, 3)`, `[1, 2]`, `Matrix([[1], [2]])`, `x >= 2`.

Only rewritten, never evaluated: what an agent answers is a stranger's text.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

_NAMES: Mapping[str, str] = {"pi": "\\pi", "oo": "\\infty", "inf": "\\infty", "E": "e", "e": "e", "I": "i"}
_GREEK = frozenset({"alpha", "beta", "gamma", "theta", "phi", "lambda", "mu", "sigma", "omega"})
_WRAPPED: Mapping[str, str] = {  # calls of one argument
    "sqrt": "\\sqrt{%s}",
    "exp": "e^{%s}",
    "log": "\\ln(%s)",
    "ln": "\\ln(%s)",
    "Abs": "|%s|",
    "abs": "|%s|",
    "factorial": "(%s)!",
    "Integer": "%s",
    "str": "%s",
    **{name: f"\\{name}(%s)" for name in ("sin", "cos", "tan", "sec", "csc", "cot")},
    **{name: f"\\arc{name[1:]}(%s)" for name in ("asin", "acos", "atan")},
}
_PAIRS: Mapping[str, str] = {  # calls of two
    "Rational": "\\frac{%s}{%s}",
    "Fraction": "\\frac{%s}{%s}",
    "Eq": "%s = %s",
    "Pow": "(%s)^{%s}",
    "Interval": "[%s, %s]",
    "Interval.open": "(%s, %s)",
    "Interval.Lopen": "(%s, %s]",
    "Interval.Ropen": "[%s, %s)",
}
_OPERATORS: Mapping[type[ast.operator], str] = {
    ast.Add: "(%s + %s)",
    ast.Sub: "(%s - %s)",
    ast.Mult: "%s \\cdot %s",
    ast.Div: "\\frac{%s}{%s}",
    ast.Pow: "(%s)^{%s}",
    ast.BitOr: "%s \\cup %s",  # of sets
}
_RELATIONS: Mapping[type[ast.cmpop], str] = {
    ast.Lt: "<",
    ast.LtE: "\\le",
    ast.Gt: ">",
    ast.GtE: "\\ge",
    ast.Eq: "=",
}


def latex_of(text: str) -> str | None:
    """The LaTeX of an expression in Python's notation; None where it is none."""
    try:
        return _written(ast.parse(text, mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError, KeyError, TypeError):
        return None


def _written(node: ast.expr) -> str:
    """Raises `KeyError` or `TypeError` for what has no such form."""
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return repr(value)
        case ast.Name(id=name):
            return _name(name)
        case ast.Attribute(value=ast.Name(), attr=name):  # sp.pi, math.pi
            return _name(name)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return f"-{_written(operand)}"
        case ast.BinOp(left=left, op=operator, right=right):
            return _OPERATORS[type(operator)] % (_written(left), _written(right))
        case ast.Compare(left=left, ops=relations, comparators=others):
            parts = [
                f"{_RELATIONS[type(sign)]} {_written(other)}" for sign, other in zip(relations, others, strict=True)
            ]
            return " ".join([_written(left), *parts])
        case ast.List(elts=items):
            return f"[{_listed(items)}]"
        case ast.Tuple(elts=items):
            return f"({_listed(items)})"
        case ast.Set(elts=items):
            return f"\\{{{_listed(items)}\\}}"
        case ast.Call(func=function, args=arguments, keywords=[]):
            return _call(ast.unparse(function), arguments)
        case _:
            raise TypeError(node)


def _call(name: str, arguments: Sequence[ast.expr]) -> str:
    name = name.removeprefix("sp.").removeprefix("sympy.").removeprefix("math.")
    if name == "Matrix" and len(arguments) == 1 and isinstance(rows := arguments[0], ast.List):
        lines = " \\\\ ".join(map(_row, rows.elts))
        return f"\\begin{{pmatrix}} {lines} \\end{{pmatrix}}"
    if name == "FiniteSet":
        return f"\\{{{_listed(arguments)}\\}}"
    if name == "Union":
        return " \\cup ".join(map(_written, arguments))
    form = _WRAPPED[name] if len(arguments) == 1 else _PAIRS[name]
    return form % tuple(map(_written, arguments))


def _row(row: ast.expr) -> str:
    return " & ".join(map(_written, row.elts)) if isinstance(row, ast.List) else _written(row)


def _listed(items: Sequence[ast.expr]) -> str:
    return ", ".join(map(_written, items))


def _name(name: str) -> str:
    if len(name) == 1 or name in _NAMES:
        return _NAMES.get(name, name)
    if name in _GREEK:
        return f"\\{name}"
    raise KeyError(name)
