"""Options given as NAME=VALUE, whose names only the part that they are for knows."""

from __future__ import annotations

import ast
import json
from collections.abc import Sequence
from typing import Any

from codeact.errors import UsageError


def named_values(flag: str, given: Sequence[str], example: str) -> dict[str, Any]:
    """From `NAME=VALUE` texts, a later one winning. A value that can be read as JSON or as a Python literal is taken as
    such: a number, a list; all others are text.

    Raises:
        UsageError: one is not NAME=VALUE.
    """
    return dict(_named_value(flag, text, example) for text in given)


def _named_value(flag: str, text: str, example: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    name = name.strip().replace("-", "_")
    if not equals or not name.isidentifier():
        raise UsageError(f"{flag} {text!r} should be NAME=VALUE, as in {example}")
    for read in (json.loads, ast.literal_eval):
        try:
            return name, read(value.strip())
        except (ValueError, SyntaxError, TypeError):
            continue
    return name, value
