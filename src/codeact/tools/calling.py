"""Running a host function for a model: off the event loop, and with its failures worded for the model."""

from __future__ import annotations

import inspect
import re
import threading
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

import anyio
import anyio.from_thread
import anyio.lowlevel

from codeact.errors import SandboxError, ToolError, TransferError, UnsupportedError

T = TypeVar("T")

# An absolute path of two parts or more, and not the tail of a URL.
ABSOLUTE_PATH = re.compile(r"(?<![\w:/.])/[^\s/'\":,;()]+(?:/[^\s/'\":,;()]+)+")


async def invoke(function: Callable[..., Any], bound: inspect.BoundArguments) -> Any:
    """Call a function, in a thread unless it is async."""
    if inspect.iscoroutinefunction(function):
        return await function(*bound.args, **bound.kwargs)
    value = await in_thread(partial(function, *bound.args, **bound.kwargs))
    return await value if inspect.isawaitable(value) else value


async def in_thread(function: Callable[[], T]) -> T:
    """Run a blocking function in a thread of its own, and leave it behind when this call is cancelled.

    Not `anyio.to_thread`: its threads are no daemons, so one tool that hangs would keep the whole program from ending,
    and it would hold one of the shared places for ever.
    """
    finished = anyio.Event()
    outcome: list[tuple[T | None, BaseException | None]] = []
    token, context = anyio.lowlevel.current_token(), copy_context()

    def work() -> None:
        try:
            outcome.append((context.run(function), None))
        except BaseException as error:  # noqa: BLE001 -- carried to the caller, whatever it is
            outcome.append((None, error))
        with suppress(RuntimeError):  # the event loop has ended, and with it whoever waited
            anyio.from_thread.run_sync(finished.set, token=token)

    threading.Thread(target=work, name="codeact tool", daemon=True).start()
    await finished.wait()
    value, error = outcome[0]
    if error is not None:
        raise error
    return value  # pyright: ignore[reportReturnType] -- None only where T allows it


def tool_error(error: BaseException, given: object) -> ToolError:
    """A tool's failure in words for the model: the real class and message, no traceback, no places of the host.

    `given` is what the model itself wrote in the call; a path in there is no secret.
    """
    error = root_cause(error)
    message = ABSOLUTE_PATH.sub(lambda match: _shown_path(match[0], given), str(error))
    return ToolError(message or "the tool gave no message", name=type(error).__name__)


def is_broken(error: BaseException) -> bool:
    """Whether it is the tool's machinery that failed (a game's process, a browser, a box of the tool's own), which says
    nothing of the call and is not the model's to mend. What was asked of a box in vain is for the model to read.
    """
    return isinstance(error, SandboxError) and not isinstance(error, (TransferError, UnsupportedError))


def root_cause(error: BaseException) -> BaseException:
    """The error inside the groups that task groups wrap around a single one."""
    while isinstance(error, BaseExceptionGroup):
        inner = cast("tuple[BaseException, ...]", error.exceptions)
        if len(inner) != 1:
            break
        error = inner[0]
    return cast("BaseException", error)


def _shown_path(path: str, given: object) -> str:
    """A path as the model may see it: what is a place of the host loses its directory, other text (a route) stays."""
    if path in repr(given):
        return path
    try:
        exists = Path(path).exists() or Path(path).parent.exists()
    except OSError:
        exists = False
    return f"…/{Path(path).name}" if exists else path
