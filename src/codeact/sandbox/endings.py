"""The words for actions that did not end by themselves: what happened, what is kept, what to do next. Written for the
model.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from codeact.sandbox.action import Stop
from codeact.types import ExecError, State

KEPT: Mapping[State, str] = {
    "kept": "Variables are kept.",
    "restored": "Variables are as they were before this action, files are as it left them.",
    "lost": "The interpreter was restarted: variables and imports are lost, files are kept.",
}


def stopped(why: Stop | None, error: ExecError | None, *, seconds: float) -> ExecError | None:
    """The error of an action that gave a result: its own, unless it was stopped."""
    if why is None:
        return error
    name, text = _reason(why, seconds)
    message = f"{text} {KEPT['kept']}"
    if error is None or error.kind != "interrupted":
        return ExecError(kind=why, name=name, message=message)
    frames = error.traceback.removesuffix("KeyboardInterrupt")
    return replace(error, kind=why, name=name, message=message, traceback=f"{frames}{name}: {message}")


def died(
    why: Stop | None, status: int | None, state: State, *, broken: str, starved: bool, seconds: float
) -> ExecError:
    """The error of an action whose interpreter died: `status` is an exit code, or minus a signal; `state` is what there
    is now.
    """
    kept = KEPT[state]
    if why is not None:
        name, text = _reason(why, seconds)
        return ExecError(kind=why, name=name, message=f"{text} It did not react to an interrupt and was killed. {kept}")
    if broken and status in (None, -signal.SIGKILL):
        text = f"The interpreter lost its connection to the host ({broken}) and was killed."
        return ExecError(kind="crashed", name="ProtocolError", message=f"{text} {kept}")
    if status is not None and status >= 0:
        text = f"The process of the interpreter ended with exit code {status}."
        return ExecError(kind="exited", name="SystemExit", message=f"{text} {kept}")
    if starved and status == -signal.SIGKILL:
        text = "The machine ran out of memory and the interpreter was killed. Use less memory at a time."
        return ExecError(kind="out_of_memory", name="MemoryError", message=f"{text} {kept}")
    name = "an unknown signal" if status is None else signal.Signals(-status).name
    return ExecError(kind="crashed", name=name, message=f"The interpreter crashed ({name}). {kept}")


def not_restarted(reason: str) -> ExecError:
    """The error of an action after which there can be no other."""
    text = f"The interpreter ended and could not be started again ({reason}). The session is over."
    return ExecError(kind="crashed", name="ProcessError", message=text)


def died_between(status: int | None, state: State) -> ExecError:
    """The error of an action that found no interpreter to run in."""
    before = died(None, status, state, broken="", starved=False, seconds=0)
    return replace(
        before, message=f"This action was not run: since the one before, something had ended it. {before.message}"
    )


def memory_kills() -> int:
    """How often the kernel has killed for want of memory since it started; 0 where it does not say."""
    with contextlib.suppress(OSError, ValueError):
        for line in Path("/proc/vmstat").read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0


def _reason(why: Stop, seconds: float) -> tuple[str, str]:
    if why == "timeout":
        return "TimeoutError", f"The action was stopped at its time limit, after {seconds:.1f} seconds."
    return "KeyboardInterrupt", "The action was interrupted."
