"""Asking an interpreter for its variables, between actions."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Sequence

import anyio
import anyio.lowlevel

from codeact.errors import SandboxError
from codeact.sandbox import reports
from codeact.sandbox.base import Variable
from codeact.sandbox.box.frames import Frame
from codeact.sandbox.output import Pipe
from codeact.sandbox.wire import WireClosedError
from codeact.sandbox.worker import Worker

_ANSWER = 5.0  # seconds for a worker to list its variables; then it is interrupted
_LAST_ANSWER = 2.0  # seconds more, until it is replaced


async def variables_of(
    worker: Worker, pipes: Sequence[Pipe], take: Callable[[bytes], object]
) -> Sequence[Variable] | Exception:
    """The variables, or why the worker did not tell. What it prints meanwhile goes to `take`."""
    found: Sequence[Variable] | Exception = SandboxError("without an answer")
    with contextlib.ExitStack() as stack:
        for pipe in pipes:
            stack.enter_context(pipe.into(take))
        async with anyio.create_task_group() as tasks:
            for pipe in pipes:
                tasks.start_soon(pipe.pump)  # or a background thread that prints would block the worker
            tasks.start_soon(_hurry, worker)
            found = await _ask(worker)
            tasks.cancel_scope.cancel()
    return found


async def _ask(worker: Worker) -> Sequence[Variable] | Exception:
    """The variables, or why the worker did not tell: an exception that left a task group would come as a group."""
    try:
        with anyio.fail_after(_ANSWER + _LAST_ANSWER):
            await worker.wire.send(Frame("variables"))
            while (frame := await worker.wire.receive()).kind != "variables":
                await anyio.lowlevel.checkpoint()  # a display of a background thread, say, or any number of them
            return reports.variables(frame)
    except (TimeoutError, WireClosedError, reports.ReportError) as error:
        return error


async def _hurry(worker: Worker) -> None:
    await anyio.sleep(_ANSWER)
    worker.signal(signal.SIGINT)  # it answers with what it has until then
