"""Rows to train on: conversations, a JSON object a line, as `codeact instruct` writes them or as others do.

Read are our own rows and chat exports (`messages`: role, content), the paper's (`conversations`: role, content;
appendix on data) and ShareGPT's (`conversations`: from, value). Other fields are left alone. A pair has a `prompt` and
two ways in which it went on, `chosen` and `rejected`, each a list of messages.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

from codeact.errors import UsageError

Role = Literal["system", "user", "assistant"]
Made = TypeVar("Made")
_ROLES: Mapping[str, Role] = {
    "system": "system",
    "user": "user",
    "assistant": "assistant",
    "human": "user",  # ShareGPT's words
    "gpt": "assistant",
}


@dataclass(frozen=True, slots=True)
class RowMessage:
    """One message of a row. A copied one was trained elsewhere (in the row it was copied from): here it is context."""

    role: Role
    content: str
    copied: bool = False

    @property
    def trained(self) -> bool:
        return self.role == "assistant" and not self.copied


@dataclass(frozen=True, slots=True)
class Row:
    """One conversation, and the name under which reports speak of it."""

    id: str
    messages: tuple[RowMessage, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two conversations with one beginning, which is context in both; the first is to be preferred."""

    chosen: Row
    rejected: Row


class _RowError(Exception):
    """What is wrong with a line."""


def read_rows(path: Path) -> list[Row]:
    """All rows of a file.

    Raises:
        UsageError: the file cannot be read, is empty, cut short, or holds something else than rows; names the line.
    """
    return _read(path, _row)


def read_pairs(path: Path) -> list[Pair]:
    """All pairs of a file.

    Raises:
        UsageError: as `read_rows`.
    """
    return _read(path, _pair)


def _read(path: Path, make: Callable[[Mapping[str, Any], str], Made]) -> list[Made]:
    try:
        lines = path.read_text(encoding="utf-8").rstrip("\n").split("\n")  # JSON may hold other ends of lines
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the rows in {str(path)!r}: {error}") from error
    rows: list[Made] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            rows.append(make(_parsed(line, last=number == len(lines)), f"line {number}"))
        except _RowError as error:
            raise UsageError(f"{str(path)!r}, line {number}: {error}") from error
    if not rows:
        raise UsageError(f"{str(path)!r} has no rows; `codeact instruct select` writes some")
    return rows


def _parsed(line: str, *, last: bool) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError as error:
        cut = "; the file seems cut short: make it again, or remove this line" if last else ""
        raise _RowError(f"this is no JSON ({error}){cut}") from error
    if not isinstance(value, dict):
        raise _RowError(f"a row is an object with `messages`, not {type(value).__name__}")
    return cast("dict[str, Any]", value)


def _row(value: Mapping[str, Any], default_id: str) -> Row:
    given = value.get("messages", value.get("conversations"))
    if not isinstance(given, list) or not given:
        raise _RowError(_what_it_is_instead(value))
    messages = tuple(_messages(cast("list[Any]", given)))
    if not any(message.trained for message in messages):
        raise _RowError("no message of the assistant is there to train on")
    return Row(str(value.get("id", default_id)), messages)


def _pair(value: Mapping[str, Any], default_id: str) -> Pair:
    parts = [cast("list[Any]", value.get(name)) for name in ("prompt", "chosen", "rejected")]
    if not all(isinstance(part, list) and part for part in parts):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise _RowError(
            "a pair has `prompt`, `chosen` and `rejected`, each a list of messages; `codeact instruct export --pairs` "
            "writes some"
        )
    prompt, *ways = (tuple(_messages(part)) for part in parts)
    context = tuple(replace(message, copied=True) for message in prompt)
    if not all(any(message.trained for message in way) for way in ways):
        raise _RowError("`chosen` and `rejected` both need a message of the assistant to train on")
    name = str(value.get("id", default_id))
    chosen, rejected = (Row(name, context + way) for way in ways)
    return Pair(chosen, rejected)


def _messages(given: Sequence[Any]) -> Iterator[RowMessage]:
    for place, entry in enumerate(given, 1):
        match entry:
            case {"role": str(role), "content": str(content), **rest} | {
                "from": str(role),
                "value": str(content),
                **rest,
            }:
                if role not in _ROLES:
                    raise _RowError(f"message {place} has the role {role!r}; known are system, user and assistant")
                yield RowMessage(_ROLES[role], content, copied=bool(rest.get("is_copied_context")))
            case _:
                raise _RowError(f"message {place} should have `role` and `content`, both text")


def _what_it_is_instead(value: Mapping[str, Any]) -> str:
    """A hint for who gives a file of the wrong kind."""
    if "rollout" in value or "job" in value:
        return "this is a results file of episodes; `codeact instruct select` makes rows of them"
    if {"state", "task"} <= value.keys():
        return "this is a file of MINT's outputs; `codeact instruct select` makes rows of them"
    found = ", ".join(sorted(value)[:6]) or "nothing"
    return f"a row has a list of `messages` (or `conversations`), and this one has {found}"
