"""Comparing what a program gave with what a test expects, in the host."""

from __future__ import annotations

import ast
import math
from collections.abc import Sequence
from typing import Any, cast

from codeact.types import JSON

NEAR = 1e-6  # relative: what a float may be off by where tests are loose

_NAMES = {"inf": math.inf, "nan": math.nan}


def read_value(text: str) -> JSON:
    """The value that a `repr` shows: numbers, texts, bytes, lists, tuples, dictionaries, sets.

    Raises:
        ValueError: it shows none.
    """
    try:
        tree = _Floats().visit(ast.parse(text.strip(), mode="eval"))
        return ast.literal_eval(tree)
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError) as error:
        raise ValueError(f"no plain value: {text[:200]}") from error


def alike(expected: JSON, given: JSON, *, loose: bool) -> bool:
    """Whether a value is what is expected: as `==` has it, or loosely."""
    try:
        return _near(expected, given) if loose else bool(expected == given)
    except (RecursionError, OverflowError):  # a whole number beyond all floats
        return False


def same_output(expected: str, given: str) -> bool:
    """Whether two outputs are the same but for blanks at ends of lines, empty lines at the end, and the last digits of
    numbers with a point.
    """
    wanted, lines = _lines(expected), _lines(given)
    return wanted == lines or (len(wanted) == len(lines) and all(map(_same_line, wanted, lines)))


def _near(expected: Any, given: Any) -> bool:
    match expected:
        case bool() | str() | None:
            return type(expected) is type(given) and expected == given
        case float() | int():
            if isinstance(given, bool) or not isinstance(given, int | float):
                return False
            whole = isinstance(expected, int) and isinstance(given, int)
            return expected == given if whole else math.isclose(expected, given, rel_tol=NEAR, abs_tol=NEAR)
        case list() | tuple():
            mine, other = cast("Sequence[Any]", expected), cast("Sequence[Any]", given)
            return isinstance(given, list | tuple) and len(mine) == len(other) and all(map(_near, mine, other))
        case _:
            return bool(expected == given)


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.rstrip().splitlines()]


def _same_line(expected: str, given: str) -> bool:
    wanted, words = expected.split(), given.split()
    return len(wanted) == len(words) and all(map(_same_word, wanted, words))


def _same_word(expected: str, given: str) -> bool:
    if expected == given:
        return True
    try:
        return "." in expected and math.isclose(float(expected), float(given), rel_tol=NEAR, abs_tol=NEAR)
    except ValueError:
        return False


class _Floats(ast.NodeTransformer):
    """`inf` and `nan`, which a `repr` writes as names."""

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.Constant(_NAMES[node.id]) if node.id in _NAMES else node
