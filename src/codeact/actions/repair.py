"""Undoing what formats do to code: XML and JSON escapes, smart quotes, prompts of a session, a wrapping object.

One rule keeps this honest: code that parses is never touched, and a repair counts only when its result parses. Each
says what it did.
"""

from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Callable, Mapping
from typing import cast

from codeact.actions import literals, python_source
from codeact.types import JSON

CODE_KEYS = ("code", "source", "python", "script", "python_code", "cmd", "input", "query")
PYTHON_NAMES = frozenset(
    {
        "python",
        "execute",
        "execute_python",
        "run_python",
        "python_interpreter",
        "code_interpreter",
        "ipython",
        "execute_code",
    }
)

_QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "‚": "'", "–": "-", "\u00a0": " "})
_PROMPT = re.compile(r"^[ \t]*(?:>>>|\.\.\.|In \[\d*\]:|\.{3}:) ?(?P<code>.*)$", re.MULTILINE)
_LINE_NUMBER = re.compile(r"^[ \t]*\d+[ \t]*[|:][ ]?", re.MULTILINE)
_WRAPPING_TAG = re.compile(r"\A\s*<(?P<tag>execute\w*|python|code)>\n?(?P<code>.*?)\n?(?:</(?P=tag)>)?\s*\Z", re.DOTALL)
_FIRST_STRING = re.compile(r'\A\s*\{\s*"(?P<key>\w+)"\s*:\s*"')
_SURROGATE_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")


def repair(code: str) -> tuple[str, str]:
    """The code as it was probably meant, and a note that says what was undone; as it is where nothing helps."""
    if python_source.compiles(code):
        return code, ""
    for undo, note in _REPAIRS:
        candidate = undo(code)
        if candidate is not None and candidate != code and candidate.strip() and python_source.compiles(candidate):
            return candidate, note
    return code, ""


def code_in_object(value: JSON) -> str | None:
    """The code in `{"code": "…"}`, or in a call of Python such as `{"name": "python", "arguments": {…}}`."""
    if not isinstance(value, Mapping):
        return None
    fields = cast("Mapping[str, JSON]", value)
    function = fields.get("function")
    if isinstance(function, Mapping):
        return code_in_object(function)
    name = fields.get("name") or fields.get("tool") or fields.get("tool_name") or function
    if name is None:
        return fields["code"] if isinstance(fields.get("code"), str) else None
    if name not in PYTHON_NAMES:
        return None
    arguments = next(
        (fields[key] for key in ("arguments", "parameters", "args", "input", "code") if key in fields), None
    )
    if isinstance(arguments, list) and arguments:
        arguments = cast("list[JSON]", arguments)[0]
    return code_argument(arguments if isinstance(arguments, str) else literals.json_text(arguments))


def code_argument(arguments: str) -> str | None:
    """The code in the arguments of a call, which may be broken JSON, or the code itself."""
    found = literals.read_value(arguments)
    value = found.value if found else None
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return _only_code(cast("Mapping[str, JSON]", value))
    if python_source.does_something(arguments):
        return arguments
    return broken_code_object(arguments)


def _only_code(fields: Mapping[str, JSON]) -> str | None:
    for key in CODE_KEYS:
        value = fields.get(key)
        if isinstance(value, str):
            return value
        if isinstance(value, list) and all(isinstance(line, str) for line in cast("list[JSON]", value)):
            return "\n".join(cast("list[str]", value))
    return None


def broken_code_object(arguments: str) -> str | None:
    """The code of an object that is not valid JSON: all from the first value's opening quote to the end, decoded."""
    start = _FIRST_STRING.match(arguments)
    if not start or start["key"] not in CODE_KEYS:
        return None
    body = arguments[start.end() :].rstrip().removesuffix("}").rstrip().removesuffix('"')
    return _join_surrogates(literals.decode_escapes(body))


def _join_surrogates(text: str) -> str:
    return _SURROGATE_PAIR.sub(lambda pair: pair[0].encode("utf-16", "surrogatepass").decode("utf-16"), text)


def _session_input(code: str) -> str | None:
    lines = [match["code"] for match in _PROMPT.finditer(code)]
    return "\n".join(lines).rstrip() if lines else None


def _from_object(code: str) -> str | None:
    found = literals.read_value(code)
    return code_in_object(found.value) if found else None


def _unwrapped(code: str) -> str | None:
    match = _WRAPPING_TAG.match(code)
    return match["code"] if match else None


def _json_unescaped(code: str) -> str | None:
    return literals.decode_escapes(code) if "\n" not in code.strip() else None


_REPAIRS: tuple[tuple[Callable[[str], str | None], str], ...] = (
    (textwrap.dedent, ""),  # IPython accepts it as well, so there is nothing to tell
    (str.strip, ""),
    (_unwrapped, "the tags inside the block were removed"),
    (_session_input, "only the lines after the prompts (>>>) were run"),
    (html.unescape, "XML entities in the code were decoded (&lt; is <); write code as it is"),
    (_json_unescaped, "escaped line breaks in the code were decoded (\\n); write code over several lines"),
    (
        lambda code: html.unescape(literals.decode_escapes(code)),
        "escapes in the code were decoded; write code as it is",
    ),
    (lambda code: code.translate(_QUOTES), "typographic quotes in the code were replaced by plain ones"),
    (_from_object, "the code was taken out of a JSON object; write it as it is"),
    (lambda code: _LINE_NUMBER.sub("", code), "line numbers before the code were removed"),
)
