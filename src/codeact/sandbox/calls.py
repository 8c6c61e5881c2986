"""Tool calls of a running action: from the agent's code to the host's tools and back.

The host decides here, whatever the box has checked: only registered names, only so many, only values that cross.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import anyio

from codeact.errors import ToolError
from codeact.sandbox import reports
from codeact.sandbox.box import values
from codeact.sandbox.box.frames import Blob, Frame
from codeact.sandbox.box.questions import PASSWORD
from codeact.sandbox.box.tracebacks import cut
from codeact.sandbox.clock import Clock
from codeact.sandbox.wire import Sender, WireClosedError
from codeact.types import ToolBox, ToolCall, ToolRecord

_MAX_RECORD = 4_000  # characters of a tool's value as text
_MAX_KEPT = 64 * 1024  # characters of arguments, and of a value, that one record keeps
_MAX_ARGUMENTS = 100  # of each kind, that one record keeps
_MAX_KEPT_ALL = 16 * 1024 * 1024  # the same, of all records of an action
_MAX_NAME = 200  # characters of the name of a tool that does not exist
_LAST_REPLY = 1.0  # seconds for the answers to calls that outlive their action
_UNRECORDED = "… an answer that is not recorded …"
_REFUSALS = 1_000  # calls over the limit that are answered; a loop that ignores so many is stopped

_STOPPED = ToolError("the action was stopped before the tool had answered", "InterruptedError")


class Calls:
    def __init__(self, *, wire: Sender, tools: ToolBox | None, limit: int, clock: Clock) -> None:
        self.records: list[ToolRecord] = []
        self._wire = wire
        self._tools = tools
        self._names = frozenset(spec.name for spec in tools.specs) if tools else frozenset[str]()
        self._limit = limit
        self._clock = clock
        self._asked = 0  # refused ones included
        self._stopped = False
        self._room = _MAX_KEPT_ALL
        self._open: dict[int, anyio.CancelScope] = {}  # the worker waits for these

    def admit(self, frame: Frame) -> reports.Request:
        """Read a call and count it. Raises `ReportError` for nonsense, and for calls without end."""
        self._asked += 1
        if self._asked > self._limit + _REFUSALS:
            raise reports.ReportError("tool calls without end")
        request = reports.call(frame)
        if request.call.name in self._names and self._asked <= self._limit:
            return request
        return replace(request, call=ToolCall(request.call.name[:_MAX_NAME]))  # it is refused, whatever its arguments

    async def serve(self, request: reports.Request) -> None:
        """Run one tool and send its answer. A failure of any kind goes into the agent's code, which asked for it."""
        self._open[request.number] = scope = anyio.CancelScope()
        self._clock.pause()
        started = time.monotonic()
        value, error = None, _STOPPED
        try:
            with scope:
                value, error = await self._run(request.call)
            error = self._answer(request, value, error)
        finally:  # also when the action ends first: the tool may have had its effect
            self._clock.go_on()
            # Last, because the code that called can go on meanwhile.
            self.records.append(self._record(request.call, value, error, time.monotonic() - started))

    def _answer(self, request: reports.Request, value: Any, error: ToolError | None) -> ToolError | None:
        """Send a value or an error; what was an error in the end."""
        packed, packer = None, values.Packer()
        try:
            packed = packer.pack(value, f"the result of {request.call.name}()")
        except Exception as problem:  # noqa: BLE001 (it cannot cross, or a tool's own class fails when looked at)
            error = ToolError(_text(problem), "TypeError")
        return self._reply(request.number, packed, packer.blobs, error)

    def cancel(self) -> None:
        """Stop the tools that run, and start no other; their calls end with an error."""
        self._stopped = True
        for scope in self._open.values():
            scope.cancel()

    async def release(self, unserved: Iterable[int]) -> None:
        """Answer the calls of background threads whose action is over, so that they do not wait for ever."""
        over = ToolError("the action ended before the tool had answered", "InterruptedError")
        for number in [*self._open, *unserved]:
            self._reply(number, None, (), over)
        if self._wire.has_unsent:
            with anyio.move_on_after(_LAST_REPLY), contextlib.suppress(WireClosedError):
                await self._wire.flush()

    async def _run(self, call: ToolCall) -> tuple[Any, ToolError | None]:
        if call.name not in self._names or self._tools is None:
            return None, ToolError(f"there is no tool {call.name!r}", "NameError")
        if self._stopped:
            return None, _STOPPED
        if self._asked > self._limit:
            text = f"more than {self._limit} tool calls in one action; go on in the next"
            return None, ToolError(text, "RuntimeError")
        try:
            return await self._tools.call(call), None
        except ToolError as error:
            return None, error
        except Exception as error:  # noqa: BLE001 (a host tool; whatever it raises is for the code that called it)
            return None, ToolError(_text(error), type(error).__name__)

    def _reply(self, number: int, packed: Any, blobs: Sequence[Blob], error: ToolError | None) -> ToolError | None:
        body = {"value": packed} if error is None else {"error": {"name": error.name, "message": str(error)}}
        try:
            self._wire.post(Frame("reply", {"call": number, **body}, blobs if error is None else ()))
        except ValueError as problem:  # too large for one message
            return self._reply(number, None, (), ToolError(str(problem), "ValueError"))
        except WireClosedError:  # the worker has died; `Action` notices
            pass
        self._open.pop(number, None)
        return error

    def _record(self, call: ToolCall, value: Any, error: ToolError | None, duration: float) -> ToolRecord:
        if call.name == PASSWORD and error is None:
            value = _UNRECORDED
        return ToolRecord(
            name=call.name,
            args=[self._kept(item) for item in call.args[:_MAX_ARGUMENTS]],
            kwargs={key[:_MAX_NAME]: self._kept(item) for key, item in islice(call.kwargs.items(), _MAX_ARGUMENTS)},
            value=self._kept(value) if error is None else None,
            text=_shown(value) if error is None else "",
            error=None if error is None else f"{error.name}: {error}",
            duration=duration,
        )

    def _kept(self, value: Any) -> Any:
        """A value for the record, or a line that says how much was left out. An agent's code chooses how much comes."""
        try:
            data = values.to_json(value)
            size = len(data) if isinstance(data, str) else len(json.dumps(data))
        except Exception as problem:  # noqa: BLE001 (a tool's own class; what it answers is its affair)
            return f"… not recorded: {_text(problem)[:_MAX_NAME]} …"
        most = min(_MAX_KEPT, self._room)
        if size > most:
            data = (
                cut(data, most // 2)
                if isinstance(data, str) and most == _MAX_KEPT
                else f"… {size:,} characters left out …"
            )
            size = len(data)
        self._room = max(0, self._room - size)
        return data


def _shown(value: Any) -> str:
    """A tool's value for people, cut; of what may be huge, no more is written out than is kept."""
    if isinstance(value, bytes | bytearray):
        value = value[:_MAX_RECORD]
    return cut(value if isinstance(value, str) else _text(value, repr), _MAX_RECORD)


def _text(value: Any, form: Callable[[Any], str] = str) -> str:
    """A value as text, also when it cannot say it itself."""
    try:
        return form(value)
    except Exception as error:  # noqa: BLE001 (a tool's own class, or an int of too many digits)
        return f"<{type(value).__name__} without text: {type(error).__name__}>"
