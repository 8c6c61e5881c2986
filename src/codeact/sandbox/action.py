"""One action under way: its frames, its output, its tool calls and its time.

The worker is stopped by a ladder: an interrupt, another after half a second, then a kill. So an action ends soon after
its limit whatever its code does; how it ended is told to `session`, which words it.
"""

from __future__ import annotations

import codecs
import contextlib
import signal
from collections.abc import Callable, Sequence
from typing import Literal

import anyio
import anyio.lowlevel
from anyio.abc import TaskGroup

from codeact.events import DisplayShown, Emit, OutputChunk
from codeact.sandbox import reports
from codeact.sandbox.base import Limits
from codeact.sandbox.box.frames import Frame
from codeact.sandbox.calls import Calls
from codeact.sandbox.clock import Clock
from codeact.sandbox.output import Kept, Pipe
from codeact.sandbox.wire import WireClosedError
from codeact.sandbox.worker import Worker
from codeact.types import Display, ToolBox, ToolRecord

_SECOND_TRY = 0.5  # seconds from the first interrupt to the second
_LAST_RESORT = 1.5  # seconds from the second interrupt to the kill
_LAST_BREATH = 0.2  # seconds from the end of a worker's channel to the end of the worker
_MAX_DISPLAYS = 100
_MAX_FRAMES = 100_000  # of one action, ignored ones included; a worker that says more is stopped
_REST = 1.0  # seconds for what a dead worker had still said; its children may go on talking in its name

Stop = Literal["timeout", "interrupted"]


class Action:
    def __init__(
        self, *, number: int, worker: Worker, tools: ToolBox | None, limits: Limits, time_limit: float, emit: Emit
    ) -> None:
        self.number = number
        self.stdout = Kept(limits.output - limits.output // 4)
        self.stderr = Kept(limits.output // 4)
        self.displays: list[Display] = []
        self.stopped: Stop | None = None
        self.broken = ""  # what the worker said that it may not say
        self.dropped = 0  # bytes of displays over the limit
        self._worker = worker
        self._limits = limits
        self._emit = emit
        self._clock = Clock(time_limit)
        self._calls = Calls(wire=worker.wire, tools=tools, limit=limits.tool_calls, clock=self._clock)
        self._stopping = anyio.Event()
        self._begun = False
        self._frames = 0
        self._report: reports.Report | None = None
        self._room = limits.output  # bytes of displays
        self._takers = (self._taker(self.stdout, "stdout"), self._taker(self.stderr, "stderr"))

    @property
    def records(self) -> Sequence[ToolRecord]:
        return self._calls.records

    def stop(self, why: Stop) -> None:
        """Begin to stop the action; the first reason counts."""
        self.stopped = self.stopped or why
        self._calls.cancel()
        self._stopping.set()

    async def attend(self, pipes: Sequence[Pipe], code: str) -> reports.Report | None:
        """Have `code` run and see the action to its end; None when the worker died instead of giving a result.

        May be called again after having been cancelled: nothing that had arrived is lost.
        """
        if self._report is not None:
            return self._report
        with contextlib.ExitStack() as stack:
            for pipe, take in zip(pipes, self._takers, strict=True):
                stack.enter_context(pipe.into(take))
            async with anyio.create_task_group() as tasks:
                for pipe in pipes:
                    tasks.start_soon(pipe.pump)
                tasks.start_soon(self._begin, code)
                tasks.start_soon(self._watch_clock)
                tasks.start_soon(self._climb_ladder)
                with anyio.CancelScope() as alive:
                    tasks.start_soon(self._watch_death, alive)
                    await self._read(tasks, pipes)
                await self._read_rest(tasks, pipes)
                tasks.cancel_scope.cancel()
            for pipe in pipes:
                pipe.drain()
        await self._calls.release()
        return self._report

    async def _begin(self, code: str) -> None:
        with contextlib.suppress(WireClosedError):  # `_read` sees that too
            if self._begun:
                await self._worker.wire.flush()
            else:
                self._begun = True
                await self._worker.wire.send(Frame("run", {"code": code, "number": self.number}))

    async def _read(self, tasks: TaskGroup, pipes: Sequence[Pipe]) -> None:
        try:
            while self._report is None:
                await anyio.lowlevel.checkpoint()  # `receive` waits only while nothing has arrived
                self._take(await self._worker.wire.receive(), tasks, pipes)
        except (WireClosedError, reports.ReportError) as error:
            if isinstance(error, WireClosedError):
                await anyio.sleep(_LAST_BREATH)  # it is dying, most likely, and how is for `session` to find out
            self.broken = str(error)
            self._worker.signal(signal.SIGKILL)  # a worker that cannot be talked to is of no use
            await anyio.sleep_forever()  # until it is known to be dead

    async def _read_rest(self, tasks: TaskGroup, pipes: Sequence[Pipe]) -> None:
        """What a dead worker had still said."""
        with anyio.move_on_after(_REST), contextlib.suppress(WireClosedError, reports.ReportError):
            while self._report is None and not self.broken:
                await anyio.lowlevel.checkpoint()
                if (frame := self._worker.wire.receive_nowait()) is None:
                    return
                self._take(frame, tasks, pipes)

    def _take(self, frame: Frame, tasks: TaskGroup, pipes: Sequence[Pipe]) -> None:
        self._frames += 1
        if self._frames > _MAX_FRAMES:
            raise reports.ReportError("frames without end")
        for pipe in pipes:
            pipe.drain()  # what was printed before the frame was sent comes before it
        match frame.kind:
            case "display":
                self._take_display(reports.display(frame))
            case "call":
                tasks.start_soon(self._calls.serve, self._calls.admit(frame))
            case "result":
                report = reports.result(frame)
                if report.number != self.number:
                    raise reports.ReportError(f"a result of action {report.number} during action {self.number}")
                self._report = report
            case "variables":
                pass  # the answer to a question that was cancelled
            case _:
                raise reports.ReportError(f"a frame of kind {frame.kind[:40]!r} during an action")

    def _take_display(self, display: Display) -> None:
        size = sum(map(len, display.data.values()))
        if size > self._room or len(self.displays) >= _MAX_DISPLAYS:
            self.dropped += size
            return
        self._room -= size
        self.displays.append(display)
        self._emit(DisplayShown(display))

    def _taker(self, kept: Kept, stream: Literal["stdout", "stderr"]) -> Callable[[bytes], None]:
        """Shows output as it comes, as far as its head is kept; after that nobody could follow it anyway."""
        decode = codecs.getincrementaldecoder("utf-8")("replace").decode

        def take(data: bytes) -> None:
            if (shown := kept.add(data)) and (text := decode(data[:shown])):
                self._emit(OutputChunk(text, stream))

        return take

    async def _watch_clock(self) -> None:
        await self._clock.run_out()
        self.stop("timeout")

    async def _watch_death(self, alive: anyio.CancelScope) -> None:
        await anyio.wait_readable(self._worker.pidfd)
        alive.cancel()

    async def _climb_ladder(self) -> None:
        await self._stopping.wait()
        self._worker.signal(signal.SIGINT)
        await anyio.sleep(_SECOND_TRY)
        self._worker.signal(signal.SIGINT)
        await anyio.sleep(_LAST_RESORT)
        self._worker.signal(signal.SIGKILL)
