"""Tool calls of a running action: from the agent's code to the host's tools and back.

The host decides here, whatever the box has checked: only registered names, only so many, only values that cross.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import anyio

from codeact.errors import ToolError
from codeact.sandbox import reports
from codeact.sandbox.box import values
from codeact.sandbox.box.frames import Blob, Frame
from codeact.sandbox.box.tracebacks import cut
from codeact.sandbox.clock import Clock
from codeact.sandbox.wire import Wire, WireClosedError
from codeact.types import ToolBox, ToolCall, ToolRecord

_MAX_RECORD = 4_000  # characters of a tool's value as text
_REFUSALS = 1_000  # calls over the limit that are answered; a loop that ignores so many is stopped


class Calls:
    def __init__(self, *, wire: Wire, tools: ToolBox | None, limit: int, clock: Clock) -> None:
        self.records: list[ToolRecord] = []
        self._wire = wire
        self._tools = tools
        self._names = frozenset(spec.name for spec in tools.specs) if tools else frozenset[str]()
        self._limit = limit
        self._clock = clock
        self._asked = 0  # refused ones included
        self._open: dict[int, anyio.CancelScope] = {}  # the worker waits for these

    def admit(self, frame: Frame) -> reports.Request:
        """Read a call and count it. Raises `ReportError` for nonsense, and for calls without end."""
        self._asked += 1
        if self._asked > self._limit + _REFUSALS:
            raise reports.ReportError("tool calls without end")
        return reports.call(frame)

    async def serve(self, request: reports.Request) -> None:
        """Run one tool and send its answer. A failure of any kind goes into the agent's code, which asked for it."""
        self._open[request.number] = scope = anyio.CancelScope()
        started = time.monotonic()
        value, error = None, ToolError("the action was stopped before the tool had answered", "InterruptedError")
        with scope, self._clock.paused():
            value, error = await self._run(request.call)
        packer = values.Packer()
        try:
            packed = packer.pack(value, f"the result of {request.call.name}()")
        except TypeError as problem:
            packed, value, error = None, None, ToolError(str(problem), "TypeError")
        self.records.append(_record(request.call, value, error, time.monotonic() - started))
        await self._reply(request.number, packed, packer.blobs, error)

    def cancel(self) -> None:
        """Stop the tools that run; their calls end with an error."""
        for scope in self._open.values():
            scope.cancel()

    async def release(self) -> None:
        """Answer the calls of background threads whose action is over, so that they do not wait for ever."""
        over = ToolError("the action ended before the tool had answered", "InterruptedError")
        with anyio.move_on_after(1):
            for number in list(self._open):
                await self._reply(number, None, (), over)

    async def _run(self, call: ToolCall) -> tuple[Any, ToolError | None]:
        if call.name not in self._names or self._tools is None:
            return None, ToolError(f"there is no tool {call.name!r}", "NameError")
        if self._asked > self._limit:
            text = f"more than {self._limit} tool calls in one action; go on in the next"
            return None, ToolError(text, "RuntimeError")
        try:
            return await self._tools.call(call), None
        except ToolError as error:
            return None, error
        except Exception as error:  # noqa: BLE001 (a host tool; whatever it raises is for the code that called it)
            return None, ToolError(str(error), type(error).__name__)

    async def _reply(self, number: int, packed: Any, blobs: Sequence[Blob], error: ToolError | None) -> None:
        body = {"value": packed} if error is None else {"error": {"name": error.name, "message": str(error)}}
        try:
            await self._wire.send(Frame("reply", {"call": number, **body}, blobs))
        except ValueError as problem:  # too large for one message
            await self._reply(number, None, (), ToolError(str(problem), "ValueError"))
        except WireClosedError:  # the worker has died; `Action` notices
            pass
        self._open.pop(number, None)


def _record(call: ToolCall, value: Any, error: ToolError | None, duration: float) -> ToolRecord:
    return ToolRecord(
        name=call.name,
        args=[values.to_json(item) for item in call.args],
        kwargs={key: values.to_json(item) for key, item in call.kwargs.items()},
        value=values.to_json(value),
        text=cut(value if isinstance(value, str) else repr(value), _MAX_RECORD) if error is None else "",
        error=None if error is None else f"{error.name}: {error}",
        duration=duration,
    )
