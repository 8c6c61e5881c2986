"""What went wrong in an action, as the model should read it: its own frames only, its own line numbers, never more than
it can use.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from . import hints

MAX_MESSAGE = 8_000  # characters
MAX_TRACEBACK = 16_000
_KEPT_FRAMES = 20  # of each end; a runaway recursion has a thousand


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    name: str
    message: str
    traceback: str
    line: int | None

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "message": self.message, "traceback": self.traceback, "line": self.line}


def describe(error: BaseException, action: str, workspace: str) -> Problem:
    """`action` is the file name under which the action's code was compiled. Survives exceptions that misbehave when
    looked at.
    """

    def own(filename: str) -> bool:
        return filename.startswith(("<action ", workspace + os.sep))

    name = type(error).__name__
    try:
        report = traceback.TracebackException.from_exception(error)
        line = _line(report, action)
        _trim(report, own)
        hint = hints.about(error)
        text = "".join(report.format()) + hint
        message = f"{_message(error, report)}\n{hint}".rstrip("\n")
    except Exception as trouble:  # noqa: BLE001 (an agent's exception class can do anything here)
        text = f"{name}: (its text could not be made: {type(trouble).__name__})"
        message, line = text, None
    return Problem(
        name=name, message=cut(message, MAX_MESSAGE), traceback=cut(text.rstrip("\n"), MAX_TRACEBACK), line=line
    )


def cut(text: str, most: int) -> str:
    """Head and tail of a text that is too long, with a line that says how much is missing."""
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]}\n… {len(text) - 2 * half:,} characters left out …\n{text[-half:]}"


def _message(error: BaseException, report: traceback.TracebackException) -> str:
    if isinstance(error, SyntaxError):
        return str(error.msg)
    text = "".join(report.format_exception_only()).rstrip("\n")
    _, colon, message = text.partition(": ")
    return message if colon else ""


def _line(report: traceback.TracebackException, action: str) -> int | None:
    """The innermost line of this action on the way to the error."""
    if isinstance(lineno := getattr(report, "lineno", None), str | int) and getattr(report, "filename", None) == action:
        return int(lineno)
    return next((frame.lineno for frame in reversed(report.stack) if frame.filename == action), None)


def _trim(report: traceback.TracebackException, own: Callable[[str], bool]) -> None:
    """Drop foreign frames, and causes in which no frame is the agent's: they tell of a library's inside."""
    for part in _chain(report):
        mine = [frame for frame in part.stack if own(frame.filename)]
        middle = slice(_KEPT_FRAMES, -_KEPT_FRAMES) if len(mine) > 2 * _KEPT_FRAMES else slice(0, 0)
        del mine[middle]
        part.stack[:] = mine
        if part.__cause__ is not None and not any(own(frame.filename) for frame in part.__cause__.stack):
            part.__cause__ = None
            part.__suppress_context__ = True
        if part.__context__ is not None and not any(own(frame.filename) for frame in part.__context__.stack):
            part.__context__ = None


def _chain(report: traceback.TracebackException) -> Iterator[traceback.TracebackException]:
    """The report and what led to it; each is yielded before its causes are looked at."""
    waiting = [report]
    while waiting:
        part = waiting.pop()
        yield part
        waiting += [
            other for other in (part.__cause__, part.__context__, *(part.exceptions or ())) if other is not None
        ]
