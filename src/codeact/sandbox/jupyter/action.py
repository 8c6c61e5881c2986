"""One action in a kernel, as `codeact.sandbox.action` is one in a process of ours: its frames, its output, its tool
calls and its time.

One task reads what the kernel says and keeps time; tools, and the interrupts that the server delivers for us, run
beside it.
"""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Sequence

import anyio
import anyio.lowlevel
from anyio.abc import TaskGroup

from codeact.events import Emit
from codeact.sandbox import reports
from codeact.sandbox.action import Stop
from codeact.sandbox.base import Limits
from codeact.sandbox.box.frames import Frame
from codeact.sandbox.calls import Calls
from codeact.sandbox.clock import Clock
from codeact.sandbox.escalation import Escalation
from codeact.sandbox.jupyter.kernel import Kernel
from codeact.sandbox.jupyter.link import Ended, Turn
from codeact.sandbox.output import Kept
from codeact.sandbox.shown import Shown
from codeact.sandbox.wire import WireClosedError
from codeact.types import ExecError, ToolBox, ToolRecord

_REST = 1.0  # seconds for a result that comes after the end of its cell, by another channel
_MAX_FRAMES = 1_000_000  # of one action; output comes in frames too
_NEVER = float("inf")


class KernelAction:
    def __init__(
        self,
        *,
        number: int,
        kernel: Kernel,
        tools: ToolBox | None,
        limits: Limits,
        time_limit: float,
        emit: Emit,
        late: Kept,
    ) -> None:
        """`late`: takes the output of background work between actions."""
        self.number = number
        self.shown = Shown(limits.output, emit)
        self.stopped: Stop | None = None
        self.broken = ""  # why the kernel cannot be used any more
        self.begun = False
        self._late = late
        self._kernel = kernel
        self._clock = Clock(time_limit)
        self._calls = Calls(wire=kernel.link, tools=tools, limit=limits.tool_calls, clock=self._clock)
        self._escalation = Escalation(self)
        self._given_up = False
        self._tasks: TaskGroup | None = None  # while somebody attends
        self._waiting: anyio.CancelScope | None = None  # while nothing is said
        self._result_due = _NEVER  # the moment from which a result is no longer waited for: its cell has ended
        self._frames = 0
        self._cell: str | None = None
        self._report: reports.Report | None = None

    @property
    def records(self) -> Sequence[ToolRecord]:
        return self._calls.records

    def stop(self, why: Stop) -> None:
        """Begin to stop the action; the first reason counts."""
        self.stopped = self.stopped or why
        self._escalation.start()
        self._calls.cancel()
        self._adjust()

    def signal(self, number: signal.Signals) -> None:
        """For the escalation. An interrupt is the server's to deliver; instead of being killed a kernel is given up."""
        if number != signal.SIGINT:
            self._given_up = True
        elif self._tasks is not None:
            self._tasks.start_soon(self._kernel.interrupt)

    async def attend(self, code: str) -> reports.Report | None:
        """Have `code` run and see the action to its end; None when the kernel gave no result and is to be replaced.

        May be called again after having been cancelled: nothing that had arrived is lost.
        """
        if self._report is not None:
            return self._report
        try:
            async with anyio.create_task_group() as self._tasks:
                await self._read(code, self._tasks)
                self._tasks.cancel_scope.cancel()
        except BaseExceptionGroup as group:  # one error, of `emit` say, comes as itself
            if len(group.exceptions) == 1:
                raise group.exceptions[0] from None
            raise
        finally:
            self._tasks = None
        await self._calls.release(())
        return self._report

    async def _read(self, code: str, tasks: TaskGroup) -> None:
        try:
            if self._cell is None:
                with anyio.CancelScope(shield=True):  # half-way nobody would know whether it runs
                    self._cell = await self._kernel.begin(code, self.number)
            while self._report is None and not self._given_up:
                said = await self._hear()
                self._act_in_time()
                if isinstance(said, Frame):
                    self._take(said, tasks)
                elif said is not None and said.request == self._cell:
                    self._take_turn(said)
        except (WireClosedError, reports.ReportError) as error:
            self.broken = str(error)

    async def _hear(self) -> Frame | Turn | Ended | None:
        """What the kernel says next; None when it is time to look at the clock."""
        await anyio.lowlevel.checkpoint()
        with anyio.CancelScope() as self._waiting:
            self._adjust()
            return await self._kernel.link.receive()
        return None

    def _adjust(self) -> None:
        """Have the reader look at the clock when something is due."""
        if self._waiting is not None:
            limit = _NEVER if self.stopped else self._clock.runs_out_at
            due = min(limit, self._escalation.next_at, self._result_due)
            self._waiting.deadline = anyio.current_time() + (due - time.monotonic())

    def _act_in_time(self) -> None:
        now = time.monotonic()
        if now >= self._clock.runs_out_at and self.stopped is None:
            self.stop("timeout")
        self._escalation.climb(now)
        if now >= self._result_due and self._report is None:
            self._end_without_result()

    def _take_turn(self, said: Turn | Ended) -> None:
        self.begun = True
        if isinstance(said, Ended) or not said.begun:
            self._result_due = min(self._result_due, time.monotonic() + _REST)

    def _end_without_result(self) -> None:
        """An interrupt that came before our code in the kernel could look at the action ends its cell."""
        if not self.stopped:
            raise WireClosedError("its cell ended without a result")
        error = ExecError(kind="interrupted", name="KeyboardInterrupt", message="")
        self._report = reports.Report(number=self.number, value=None, error=error, answer=None)

    def _take(self, frame: Frame, tasks: TaskGroup) -> None:
        self._frames += 1
        if self._frames > _MAX_FRAMES:
            raise reports.ReportError("frames without end")
        match frame.kind:
            case "output":
                self._take_output(frame)
            case "late":
                self._late.add(_data(frame))
            case "display":
                self.shown.show(reports.display(frame))
            case "call":
                tasks.start_soon(self._serve, self._calls.admit(frame))
            case "result":
                report = reports.result(frame)
                if report.number < self.number:
                    return  # of an action that was taken for one that an interrupt had ended before it began
                if report.number > self.number:
                    raise reports.ReportError(f"a result of action {report.number} during action {self.number}")
                self._report = report
            case _ if "request" in frame.body:
                pass  # the answer to a question that was cancelled
            case _:
                raise reports.ReportError(f"a frame of kind {frame.kind[:40]!r} during an action")

    def _take_output(self, frame: Frame) -> None:
        take = self.shown.takers.get(str(frame.body.get("stream")))
        if take is None:
            raise reports.ReportError("output of no known stream")
        if frame.body.get("number") == self.number:
            take(_data(frame))
        else:  # it was on its way when the action before ended
            self._late.add(_data(frame))

    async def _serve(self, request: reports.Request) -> None:
        try:
            await self._calls.serve(request)
        finally:
            self._adjust()
        with contextlib.suppress(WireClosedError):  # the reader learns of it
            await self._kernel.link.flush()


def _data(frame: Frame) -> bytes:
    """Raises `ReportError`."""
    if len(frame.blobs) != 1:
        raise reports.ReportError("output without its bytes")
    return bytes(frame.blobs[0])
