"""How a call in the paper's forms is read by real parsers: Python's own for code, JSON's, and a grammar for text.

    text  = "Action:" name { "," key ":" value }
    value = quoted | literal | words
    words = anything up to the next "," key ":", or to the end

A quoted value is a Python or JSON string, a literal a list or a dictionary of Python or JSON.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping

from codeact.actions import literals, python_source
from codeact.errors import ParseError
from codeact.tasks.apibank.paper_readers import NO_CALL, Reader, named_action
from codeact.types import JSON, ToolCall

_NAME = re.compile(r"\s*Action:\s*(?P<api>\w+)\s*(?=,|\Z)")
_KEY = re.compile(r"\s*,\s*(?P<key>[^\W\d]\w*):\s*")
_QUOTED = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'", re.DOTALL)


def read_code(text: str) -> ToolCall:
    tree = python_source.parse(text.strip())
    try:
        match tree.body if tree else []:
            case [ast.Expr(value=ast.List(elts=[ast.Call(func=ast.Name(id=name), args=[], keywords=keywords)]))]:
                return ToolCall(name, (), {_name(word): ast.literal_eval(word.value) for word in keywords})
            case _:
                raise ParseError(f"{NO_CALL} It must be one call, with every argument by its name.")
    except (ValueError, TypeError, MemoryError, RecursionError) as error:
        raise ParseError(f"{NO_CALL} {error}") from error


def read_json(text: str) -> ToolCall:
    try:
        given: JSON = json.loads(text)
        return named_action(given[0])
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise ParseError(f"{NO_CALL} {error}") from error


def read_text(text: str) -> ToolCall:
    body = text.strip()[1:-1]
    name = _NAME.match(body)
    if name is None:
        raise ParseError(NO_CALL)
    arguments: dict[str, JSON] = {}
    for key, value in _arguments(body, name.end()):
        if key in arguments:
            raise ParseError(f"{NO_CALL} {key} is given twice.")
        arguments[key] = value
    return ToolCall(name["api"], (), arguments)


def _arguments(body: str, position: int) -> Iterator[tuple[str, JSON]]:
    while position < len(body.rstrip()):
        key = _KEY.match(body, position)
        if key is None:
            raise ParseError(f"{NO_CALL} {body[position:].strip()[:40]!r} is no `, key: value`.")
        value, position = _value(body, key.end())
        yield key["key"], value


def _value(body: str, start: int) -> tuple[JSON, int]:
    """The value at `start`, and where it ends. A quote or a bracket that is not a whole value is part of the words."""
    end = _whole_end(body, start)
    if end > start and (found := literals.read_value(body[start:end])):
        return found.value, end
    following = _KEY.search(body, start)
    end = following.start() if following else len(body)
    return body[start:end].strip(), end


def _whole_end(body: str, start: int) -> int:
    """Where the string or bracket at `start` ends, if a comma or nothing comes after it; else `start`."""
    quoted = _QUOTED.match(body, start)
    end = start
    if quoted:
        end = quoted.end()
    elif body[start : start + 1] in ("[", "{"):
        end, missing = literals.balanced_end(body, start)
        end = start if missing else end
    rest = body[end:].lstrip()
    return end if not rest or rest.startswith(",") else start


def _name(word: ast.keyword) -> str:
    if word.arg is None:
        raise ParseError(f"{NO_CALL} ** is not taken.")
    return word.arg


READERS: Mapping[str, Reader] = {"code": read_code, "json": read_json, "text": read_text}
