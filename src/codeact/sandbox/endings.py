"""The words for actions that did not end by themselves: what happened, what is kept, what to do next. Written for the
model.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Mapping
from dataclasses import dataclass, replace

from codeact.sandbox.action import Stop
from codeact.sandbox.box.frames import MAX_HEADER
from codeact.types import ErrorKind, ExecError, State

_KINDS: Mapping[Stop, ErrorKind] = {"timeout": "timeout", "cpu_time": "timeout", "interrupted": "interrupted"}
KEPT: Mapping[State, str] = {
    "kept": "Variables are kept.",
    "restored": "Variables are as they were before this action; files are as it left them.",
    "lost": "The interpreter was restarted: variables and imports are lost, files are kept.",
}
_MOST_CODE = MAX_HEADER - 1000  # bytes, as JSON


def stopped(why: Stop | None, error: ExecError | None, *, seconds: float) -> ExecError | None:
    """The error of an action that gave a result: its own, unless it was stopped."""
    if why is None:
        return error
    name, text = _reason(why, seconds)
    message = f"{text} {KEPT['kept']}"
    if error is None or error.kind != "interrupted":
        return ExecError(kind=_KINDS[why], name=name, message=message)
    frames = error.traceback.removesuffix("KeyboardInterrupt")
    return replace(error, kind=_KINDS[why], name=name, message=message, traceback=f"{frames}{name}: {message}")


@dataclass(frozen=True, slots=True)
class Ending:
    """How an interpreter ended, and what is there in its place."""

    status: int | None  # exit code, or minus the signal; None if not known
    state: State
    kept: str = KEPT["lost"]

    @staticmethod
    def restored(status: int | None, *, after: int, finished: int) -> Ending:
        """A state from after so many actions has taken the place of one from after `finished` ones."""
        if after >= finished:
            return Ending(status, "restored", KEPT["restored"])
        text = f"Variables are as they were after action {after}, the last state that could be kept; files stay."
        return Ending(status, "restored", text)


def died(why: Stop | None, ending: Ending, *, broken: str, starved: bool, seconds: float) -> ExecError:
    """The error of an action whose interpreter died."""
    status, kept = ending.status, ending.kept
    if why is not None:
        name, text = _reason(why, seconds)
        text = f"{text} It did not react to an interrupt and was killed. {kept}"
        return ExecError(kind=_KINDS[why], name=name, message=text)
    if starved and status in (None, -signal.SIGKILL):
        return out_of_memory(kept)
    if broken and status in (None, -signal.SIGKILL):
        text = f"The interpreter lost its connection to the host ({broken}) and was killed."
        return ExecError(kind="crashed", name="ProtocolError", message=f"{text} {kept}")
    if status is not None and status >= 0:
        text = f"The process of the interpreter ended with exit code {status}."
        return ExecError(kind="exited", name="SystemExit", message=f"{text} {kept}")
    name = "an unknown signal" if status is None else signal.Signals(-status).name
    return ExecError(kind="crashed", name=name, message=f"The interpreter crashed ({name}). {kept}")


def out_of_memory(kept: str) -> ExecError:
    """The error of an action whose interpreter the kernel has killed for want of memory."""
    text = "The memory of this session was used up, by processes and files, and the interpreter was killed."
    return ExecError(kind="out_of_memory", name="MemoryError", message=f"{text} Use less at a time. {kept}")


def too_large(code: str) -> ExecError | None:
    """The error of an action whose code does not fit into one message; None for one that fits."""
    if 6 * len(code) <= _MOST_CODE:  # a character takes six bytes at most
        return None
    if (size := len(json.dumps(code))) <= _MOST_CODE:
        return None
    text = f"The code takes {size:,} bytes and may take {_MOST_CODE:,}; nothing was run."
    return ExecError(kind="limit", name="ValueError", message=f"{text} Instead put data into a file of the workspace.")


def not_restarted(reason: str) -> ExecError:
    """The error of an action after which there can be no other."""
    text = f"The interpreter ended and could not be started again ({reason}). The session is over."
    return ExecError(kind="crashed", name="ProcessError", message=text)


def died_between(ending: Ending) -> ExecError:
    """The error of an action that found no interpreter to run in."""
    before = died(None, ending, broken="", starved=False, seconds=0)
    return replace(
        before, message=f"This action was not run: since the one before, something had ended it. {before.message}"
    )


def killed_children(count: int) -> str:
    """For the end of standard error, when the interpreter itself lives."""
    if not count:
        return ""
    number = "a process" if count == 1 else f"{count} processes"
    return f"\n[sandbox] the memory of this session was used up; of what this code had started, {number} had to go\n"


def _reason(why: Stop, seconds: float) -> tuple[str, str]:
    match why:
        case "timeout":
            return "TimeoutError", f"The action was stopped at its time limit, after {seconds:.1f} seconds."
        case "cpu_time":
            used = "all the processor time that it may (that of its threads and child processes included)"
            return "TimeoutError", f"The action had used {used} and was stopped, after {seconds:.1f} seconds."
        case "interrupted":
            return "KeyboardInterrupt", "The action was interrupted."
