"""What a worker says, read with suspicion: a worker runs an agent's code, so every byte from it is a claim.

Checked here: that fields are there and of the right type and size. Whether the claim may be made at this moment is for
`action`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from codeact.sandbox.base import Variable
from codeact.sandbox.box.frames import Frame
from codeact.sandbox.box.values import Reader, plain
from codeact.types import Answer, Display, ErrorKind, ExecError, ToolCall

_KINDS: dict[str, ErrorKind] = {
    "exception": "exception",
    "interrupted": "interrupted",
    "exited": "exited",
    "out_of_memory": "out_of_memory",
}
_MAX_TEXT = 1_000_200  # characters of a value or an answer: what a worker sends at most
_MAX_ERROR = 32_000  # characters of an error's texts
_MAX_BUNDLE = 32  # MIME types of one display
_MAX_NAME = 255  # characters of a MIME type or a file name


class ReportError(Exception):
    """The worker sent a frame that does not say what it should."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How an action ended, by the worker's account."""

    number: int
    value: str | None
    error: ExecError | None
    answer: Answer | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A tool call that the worker asks for."""

    number: int
    call: ToolCall


@contextlib.contextmanager
def _bounded() -> Generator[None]:
    """Around the reading of a frame: one that takes too much memory or depth is nonsense like any other."""
    try:
        yield
    except (MemoryError, RecursionError) as error:
        raise ReportError(f"a frame that is too much to read ({type(error).__name__})") from None


@_bounded()
def result(frame: Frame) -> Report:
    """Raises `ReportError`."""
    body = frame.body
    value = _optional_text(body, "value")
    return Report(
        number=_number(body, "number"),
        value=None if value is None else value[:_MAX_TEXT],
        error=_error(_optional(body, "error")),
        answer=_answer(_optional(body, "answer")),
    )


@_bounded()
def display(frame: Frame) -> Display:
    """Raises `ReportError`."""
    texts, binary = frame.body.get("texts"), frame.body.get("binary")
    if not isinstance(texts, dict) or not isinstance(binary, list):
        raise ReportError("a display without its parts")
    names = cast("list[Any]", binary)
    parts = {**cast("dict[str, Any]", texts), **dict(zip(map(str, names), map(bytes, frame.blobs), strict=False))}
    if len(parts) > _MAX_BUNDLE or len(names) != len(frame.blobs):
        raise ReportError("a display of too many parts")
    if not all(isinstance(name, str) for name in names) or any(len(mime) > _MAX_NAME for mime in parts):
        raise ReportError("a display with a part that has no proper name")
    if not all(isinstance(part, str | bytes) for part in parts.values()):
        raise ReportError("a display with a part that is neither text nor bytes")
    name = _optional_text(frame.body, "name")
    if name is not None and len(name) > _MAX_NAME:
        raise ReportError("a display of a file with too long a name")
    return Display(data=parts, name=name)


@_bounded()
def call(frame: Frame) -> Request:
    """Raises `ReportError`."""
    args, kwargs = frame.body.get("args"), frame.body.get("kwargs")
    if not isinstance(args, list) or not isinstance(kwargs, dict):
        raise ReportError("a tool call without its arguments")
    reader = Reader(frame.blobs)
    try:
        values = tuple(reader.unpack(item) for item in cast("list[Any]", args))
        named = {key: reader.unpack(item) for key, item in cast("dict[str, Any]", kwargs).items()}
    except ValueError as error:
        raise ReportError(f"a tool call with arguments that are not values: {error}") from None
    return Request(number=_number(frame.body, "call"), call=ToolCall(_text(frame.body, "name"), values, named))


def variables(frame: Frame) -> list[Variable]:
    """Raises `ReportError`."""
    rows = frame.body.get("variables")
    if not isinstance(rows, list):
        raise ReportError("no list of variables")
    return [_variable(row) for row in cast("list[Any]", rows)]


def _variable(row: Any) -> Variable:
    match row:
        case [str(name), str(kind), str(shape), int(size), str(preview)]:
            return Variable(name=name, type=kind, shape=shape, size=size, preview=preview)
        case _:
            raise ReportError("a row that is not a variable")


def _error(body: Mapping[str, Any] | None) -> ExecError | None:
    if body is None:
        return None
    line = body.get("line")
    return ExecError(
        kind=_KINDS.get(_text(body, "kind"), "exception"),
        name=_text(body, "name")[:_MAX_ERROR],
        message=_text(body, "message")[:_MAX_ERROR],
        traceback=_text(body, "traceback")[:_MAX_ERROR],
        line=line if type(line) is int else None,
    )


def _answer(body: Mapping[str, Any] | None) -> Answer | None:
    if body is None:
        return None
    value = body.get("value")
    return Answer(_text(body, "text")[:_MAX_TEXT], value if plain(value) else None)


def _optional(body: Mapping[str, Any], key: str) -> Mapping[str, Any] | None:
    value = body.get(key)
    if value is not None and not isinstance(value, dict):
        raise ReportError(f"{key!r} is not an object")
    return cast("dict[str, Any] | None", value)


def _optional_text(body: Mapping[str, Any], key: str) -> str | None:
    return None if body.get(key) is None else _text(body, key)


def _text(body: Mapping[str, Any], key: str) -> str:
    value = body.get(key)
    if not isinstance(value, str):
        raise ReportError(f"{key!r} is not text")
    return value


def _number(body: Mapping[str, Any], key: str) -> int:
    value = body.get(key)
    if type(value) is not int:
        raise ReportError(f"{key!r} is not a number")
    return value
