"""How the original reads a call, its defects included: by patterns over one line.

In code a value ends at the first quote of either kind, and a list stays the text that it is written as; in text a value
ends at the first comma, and an API without parameters is not recognised. Kept because published numbers were measured
with it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import cast

from codeact.errors import ParseError
from codeact.types import JSON, ToolCall

Reader = Callable[[str], ToolCall]
"""Makes a call of what stands in a reply from its first bracket to its last. Raises `ParseError`."""

NO_CALL = "That message has no API request of the right form between [ and ]."

_CODE = re.compile(r"\[(?P<api>\w+)\((?P<rest>.*)\)\]")
_CODE_ARGUMENT = re.compile(r"(?P<name>\w+)\s*=\s*(?:['\"](?P<quoted>.+?)['\"]|(?P<list>\[.*\])|(?P<word>\w+))")
_JSON = re.compile(r"\[(?P<call>\{.*\})\]")
_TEXT = re.compile(r"\[Action:\s*(?P<api>\w+),\s*(?P<rest>.*)\]")
_TEXT_ARGUMENT = re.compile(r"(?P<name>\w+):\s*(?P<value>[^,]+)")


def read_code(text: str) -> ToolCall:
    found = _match(_CODE, text)
    arguments = {
        argument["name"]: next(filter(None, argument.group("quoted", "list", "word")))
        for argument in _CODE_ARGUMENT.finditer(found["rest"])
    }
    return ToolCall(found["api"], (), arguments)


def read_json(text: str) -> ToolCall:
    try:
        given: JSON = json.loads(_match(_JSON, text)["call"])
        return named_action(given)
    except (ValueError, RecursionError) as error:
        raise ParseError(NO_CALL) from error


def read_text(text: str) -> ToolCall:
    found = _match(_TEXT, text)
    arguments = {
        argument["name"]: argument["value"].strip('"').strip("'").strip()
        for argument in _TEXT_ARGUMENT.finditer(found["rest"])
    }
    return ToolCall(found["api"], (), arguments)


def named_action(given: JSON) -> ToolCall:
    """An object that names the API under `action`, beside the arguments."""
    arguments = dict(cast("Mapping[str, JSON]", given)) if isinstance(given, Mapping) else {}
    name = arguments.pop("action", None)
    if not isinstance(name, str):
        raise ParseError(NO_CALL)
    return ToolCall(name, (), arguments)


def _match(pattern: re.Pattern[str], text: str) -> re.Match[str]:
    found = pattern.search(text)
    if found is None:
        raise ParseError(NO_CALL)
    return found


READERS: Mapping[str, Reader] = {"code": read_code, "json": read_json, "text": read_text}
