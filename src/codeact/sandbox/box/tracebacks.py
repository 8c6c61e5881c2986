"""What went wrong in an action, as the model should read it: its own frames only, its own line numbers, never more than
it can use.
"""

from __future__ import annotations

import os
import re
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from . import hints

MAX_MESSAGE = 8_000  # characters
MAX_TRACEBACK = 16_000
_KEPT_FRAMES = 20  # of each end
_LONGEST_CYCLE = 8  # functions that call each other in turn; a runaway recursion has a thousand frames of them
_FEWEST_CYCLES = 3  # repetitions that are folded
_NOTE = "<note>"  # instead of a file name: the frame stands for others, and its name says for which
_MAGIC = re.compile(r"\s*[%!?]|[^#'\"]*=\s*[%!]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    name: str
    message: str
    traceback: str
    line: int | None

    def text_alone(self) -> str:
        """Name and message, without the traceback."""
        return f"{self.name}: {self.message}" if self.message else self.name

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
        mine = _Frames(_folded([frame for frame in part.stack if own(frame.filename)]))
        if (missing := len(mine) - 2 * _KEPT_FRAMES) > 0:
            mine[_KEPT_FRAMES:-_KEPT_FRAMES] = [_note(f"{missing} more calls on the way here")]
        part.stack = mine
        if part.__cause__ is not None and not any(own(frame.filename) for frame in part.__cause__.stack):
            part.__cause__ = None
            part.__suppress_context__ = True
        if part.__context__ is not None and not any(own(frame.filename) for frame in part.__context__.stack):
            part.__context__ = None


class _Frames(traceback.StackSummary):
    def format_frame_summary(self, frame_summary: traceback.FrameSummary, **kwargs: Any) -> str:
        if frame_summary.filename == _NOTE:
            return f"  [{frame_summary.name}]\n"
        if frame_summary.filename.startswith("<action ") and _MAGIC.match(frame_summary.line or ""):
            where = f'  File "{frame_summary.filename}", line {frame_summary.lineno}, in {frame_summary.name}\n'
            return f"{where}    {frame_summary.line}\n"  # marks below would be those of the code that it stands for
        return super().format_frame_summary(frame_summary, **kwargs)


def _folded(frames: Sequence[traceback.FrameSummary]) -> Iterator[traceback.FrameSummary]:
    """The frames, with what a recursion repeats written once."""
    keys = [(frame.filename, frame.lineno, frame.name) for frame in frames]
    place = 0
    while place < len(frames):
        length, times = _cycle(keys, place)
        yield from frames[place : place + length]
        if times > 1:
            calls = "this call" if length == 1 else f"these {length} calls"
            yield _note(f"{calls} {times - 1} more times")
        place += length * times


def _cycle(keys: Sequence[tuple[object, ...]], start: int) -> tuple[int, int]:
    """How many frames from `start` on come again and again, and how often; (1, 1) for one that does not."""
    for length in range(1, _LONGEST_CYCLE + 1):
        end = start + length
        while end < len(keys) and keys[end] == keys[end - length]:
            end += 1
        if (times := (end - start) // length) > _FEWEST_CYCLES:
            return length, times
    return 1, 1


def _note(text: str) -> traceback.FrameSummary:
    return traceback.FrameSummary(_NOTE, 0, text, lookup_line=False, line="")


def _chain(report: traceback.TracebackException) -> Iterator[traceback.TracebackException]:
    """The report and what led to it; each is yielded before its causes are looked at."""
    waiting = [report]
    while waiting:
        part = waiting.pop()
        yield part
        waiting += [
            other for other in (part.__cause__, part.__context__, *(part.exceptions or ())) if other is not None
        ]
