"""What runs in a process of its own: it imports the original's task modules from a checkout and answers one question a
line, as JSON.

A program and not a module of the package: the modules it imports are other people's and may print, hang or exit. Their
calculators `eval` what a model writes. So before it imports them it closes itself in, as a session of the isolation level
`filter` does: it reads the interpreter and the checkout, writes in a folder of its own, has no sockets. What it cannot
keep from such an expression is the expected answers, which are in the same process, as they are in the original.
"""

from __future__ import annotations

import ast
import builtins
import importlib
import json
import resource
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from codeact.sandbox import box
from codeact.sandbox.box.confine import Allowance
from codeact.sandbox.box.filtered import Filtered, Ground, check_host
from codeact.sandbox.box.root import readable

_MODES = {"code": "CODE_AS_ACTION", "json": "JSON_AS_ACTION", "text": "TEXT_AS_ACTION"}
_ALLOWANCE = Allowance(memory=2**31, processes=64, open_files=256, workspace=2**26, inodes=1000)


def main(checkout: str, folder: str, channel: str, time_limit: str) -> None:
    """Serve until the other end is closed; `time_limit` is of one call, in seconds."""
    stream = socket.socket(fileno=int(channel)).makefile("rwb")

    def say(**said: Any) -> None:
        stream.write(json.dumps(said).encode() + b"\n")
        stream.flush()

    unconfined = _close_in(checkout, folder)
    sys.path.insert(0, checkout)
    try:
        tasks = _imported()
    except BaseException as error:  # noqa: BLE001 -- a module may raise anything, `SystemExit` included
        say(failed=f"{type(error).__name__}: {error}", where=_place(error, checkout))
        return
    say(unconfined=unconfined)
    signal.signal(signal.SIGALRM, _too_long)
    for line in stream:
        say(**_answer(tasks, json.loads(line), float(time_limit)))


def _close_in(checkout: str, folder: str) -> str:
    """Why this process is not confined, or nothing."""
    try:
        check_host()
        trees = readable(Path(box.__file__).parent, [Path(checkout)])
        ground = Ground(folder=folder, trees=trees, own_uid=False)
        layers = Filtered(allowance=_ALLOWANCE, ground=ground).close()
    except OSError as error:
        resource.setrlimit(resource.RLIMIT_DATA, (_ALLOWANCE.memory, _ALLOWANCE.memory))
        return str(error)
    return "; ".join(f"{layer.name}: {layer.detail}" for layer in layers if not layer.active)


def _imported() -> Mapping[str, Any]:
    """All tasks that the modules register, by name."""
    try:
        importlib.import_module("tqdm")
    except ImportError:  # of all that the original needs, a progress bar alone is not needed here
        sys.modules["tqdm"] = stand_in = ModuleType("tqdm")
        setattr(stand_in, "tqdm", None)  # noqa: B010 (not an attribute the type checker knows)
    importlib.import_module("tasks")
    registered = sys.modules["tasks.base"].task_iterators
    return {task.name: task for iterator, _ in registered for task in iterator}


def _answer(tasks: Mapping[str, Any], question: Mapping[str, Any], time_limit: float) -> dict[str, Any]:
    match question["do"]:
        case "list":
            return {"tasks": list(map(_described, tasks.values()))}
        case "check":
            return {"correct": bool(tasks[question["task"]].check_answer(question["answer"]))}
        case _:
            tool = tasks[question["task"]].tools[question["tool"]]
            return _called(tool.function, question["given"], time_limit)


def _described(task: Any) -> dict[str, Any]:
    modes = sys.modules["tasks.base"].ActionMode
    tools = [
        {
            "name": name,
            "doc": tool.description,
            "signature": tool.fn_signature,
            "builtin": tool.function is getattr(builtins, name, None),
        }
        for name, tool in task.tools.items()
    ]
    openings = {format: task.get_prompt(modes[mode]) for format, mode in _MODES.items()}
    return {"name": task.name, "instruction": task.instruction, "openings": openings, "tools": tools}


def _called(function: Any, given: str, time_limit: float) -> dict[str, Any]:
    """Values cross in Python's notation: there is nothing else that all of the original's have a form in."""
    args, kwargs = ast.literal_eval(given)
    signal.setitimer(signal.ITIMER_REAL, time_limit)
    try:
        value = function(*args, **kwargs)
        return {"value": repr(value), "text": str(value)}
    except BaseException as error:  # noqa: BLE001 -- whatever the tool raises is the model's to read
        return {"error": type(error).__name__, "message": str(error)}
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _too_long(*_: object) -> None:
    raise TimeoutError("the call did not finish in time")


def _place(error: BaseException, checkout: str) -> str:
    """The last line of the checkout's own that led to an error."""
    place, frame = "", error.__traceback__
    while frame is not None:
        if (path := Path(frame.tb_frame.f_code.co_filename)).is_relative_to(checkout):
            place = f"{path.relative_to(checkout)}, line {frame.tb_lineno}"
        frame = frame.tb_next
    return place


if __name__ == "__main__":
    main(*sys.argv[3:])
