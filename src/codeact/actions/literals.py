"""Reading values that models write: JSON, and what is nearly JSON.

Models mix JSON with Python (`True`, single quotes, trailing commas) and forget the last brace. Whatever is read
beyond strict JSON is reported by the caller in the notes of the reply.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from codeact.actions import python_source
from codeact.types import JSON

_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(\n)|([\\'\"/abfnrtv0]))", re.DOTALL)
_SIMPLE = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "a": "\a", "0": "\0"}
_NAMES: dict[str, JSON] = {"true": True, "false": False, "null": None, "NaN": float("nan"), "Infinity": float("inf")}
_OPENING = re.compile(r"[\[{]")
_BRACKET_OR_STRING = re.compile(r"""[\[\]{}()]|"(?:[^"\\]++|\\.)*+"|'(?:[^'\\\n]++|\\.)*+'""", re.DOTALL)
_CLOSING = {"[": "]", "{": "}", "(": ")"}
_DECODER = json.JSONDecoder(strict=False)  # models put real newlines into JSON strings


@dataclass(frozen=True, slots=True)
class Found:
    """A value found in a text, and where. `strict` is False when it was not quite JSON."""

    value: JSON
    start: int
    end: int
    strict: bool = True


@dataclass(slots=True)
class Patience:
    """How far failed tries may read in one text: one of only brackets must not be read anew from each of them."""

    characters: int = 200_000


def decode_escapes(text: str) -> str:
    """Decode the escapes of a JSON or Python string. An unknown one, as in a regular expression, stays as it is."""
    return _ESCAPE.sub(_decode_one, text)


def read_value(text: str) -> Found | None:
    """The value that is the whole of `text`; None when it is none."""
    try:
        return Found(_DECODER.decode(text), 0, len(text))
    except (ValueError, RecursionError):
        pass
    tree = python_source.parse(text.strip())
    if tree is None or len(tree.body) != 1 or not isinstance(tree.body[0], ast.Expr):
        return None
    try:
        return Found(_literal(tree.body[0].value), 0, len(text), strict=False)
    except (ValueError, TypeError, RecursionError):
        return None


def find_values(text: str) -> Iterator[Found]:
    """The outermost objects and lists in a text, in order; what does not read is skipped."""
    position, patience = 0, Patience()
    while opening := _OPENING.search(text, position):
        found = value_at(text, opening.start(), patience)
        position = found.end if found else opening.end()
        if found:
            yield found


def json_text(value: JSON) -> str:
    """JSON as models write it: on one line, with letters of every language as they are."""
    return json.dumps(value, ensure_ascii=False, default=str)


def value_at(text: str, start: int, patience: Patience) -> Found | None:
    """The object or list that begins at `start`."""
    if patience.characters <= 0:
        return None
    try:
        value, end = _DECODER.raw_decode(text, start)
        return Found(value, start, end)
    except (ValueError, RecursionError):
        pass
    end, missing = balanced_end(text, start)
    found = read_value(text[start:end] + missing)
    if found is None:
        patience.characters -= end - start
        return None
    return Found(found.value, start, end, strict=False)


def balanced_end(text: str, start: int) -> tuple[int, str]:
    """Where the bracket at `start` closes; when it does not, the end of the text and the brackets missing there."""
    open_brackets: list[str] = []
    for token in _BRACKET_OR_STRING.finditer(text, start):
        if token[0] in _CLOSING:
            open_brackets.append(_CLOSING[token[0]])
        elif open_brackets and token[0] == open_brackets[-1]:
            open_brackets.pop()
        if not open_brackets:
            return token.end(), ""
    return len(text), "".join(reversed(open_brackets))


def _decode_one(match: re.Match[str]) -> str:
    for digits in (match[1], match[2], match[3]):
        if digits:
            number = int(digits, 16)
            return chr(number) if number <= 0x10FFFF else match[0]
    if match[4]:  # an escaped newline continues the line, as in Python
        return ""
    return _SIMPLE.get(match[5], match[5])


def _literal(node: ast.expr) -> JSON:
    """What JSON can hold, in Python's spelling or JSON's."""
    match node:
        case ast.Name(id=name) if name in _NAMES:
            return _NAMES[name]
        case ast.List(elts=items):
            return [_literal(item) for item in items]
        case ast.Tuple(elts=items):
            return tuple(_literal(item) for item in items)
        case ast.Dict(keys=keys, values=values):
            if None in keys:
                raise ValueError("an unpacked dictionary is not a literal")
            return {_literal(cast("ast.expr", key)): _literal(value) for key, value in zip(keys, values, strict=True)}
        case ast.Constant(value=bool() | int() | float() | str() | None as value):
            return value
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=ast.Constant(value=int() | float())):
            return ast.literal_eval(node)
        case _:
            raise ValueError("not a value that JSON has")
