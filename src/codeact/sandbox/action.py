"""One action under way: its frames, its output, its tool calls and its time.

One task listens to all of it (`watch`). A tool is served by the task that hears its call; only when the tool has to
wait, another task takes over listening. So most actions cost no task, and calls still run side by side.

An action that is stopped ends soon, whatever its code does (`ladder`); how it ended is told to `session`, which words
it.
"""

from __future__ import annotations

import contextlib
import signal
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Literal

import anyio
import anyio.lowlevel
from anyio.abc import TaskGroup

from codeact.events import Emit
from codeact.sandbox import reports
from codeact.sandbox.base import Limits
from codeact.sandbox.box.frames import Frame
from codeact.sandbox.calls import Calls
from codeact.sandbox.clock import Clock
from codeact.sandbox.escalation import Escalation
from codeact.sandbox.handover import handing_over
from codeact.sandbox.output import Pipe
from codeact.sandbox.shown import Shown
from codeact.sandbox.watch import Pace, Watch
from codeact.sandbox.wire import WireClosedError
from codeact.sandbox.worker import Worker
from codeact.types import ToolBox, ToolRecord

_LAST_BREATH = 0.2  # seconds from the end of a worker's channel to the end of the worker
_MAX_FRAMES = 100_000  # of one action, ignored ones included; a worker that says more is stopped
_READS = 16  # of frames that are too large for one, until others have their turn
_NEVER = float("inf")
_REST = 1.0  # seconds for what a dead worker had still said; its children may go on talking in its name

Stop = Literal["timeout", "cpu_time", "interrupted"]
# Looks at what a session uses: why to stop the action, if so, and the moment of the monotonic clock for the next look.
Look = Callable[[], tuple[Stop | None, float]]


class Action:
    def __init__(
        self,
        *,
        number: int,
        worker: Worker,
        tools: ToolBox | None,
        limits: Limits,
        time_limit: float,
        emit: Emit,
        look: Look | None,
    ) -> None:
        self.number = number
        self.shown = Shown(limits.output, emit)
        self.stopped: Stop | None = None
        self.broken = ""  # what the worker said that it may not say
        self._worker = worker
        self._limits = limits
        self._look = look
        self._look_at = 0.0 if look else _NEVER
        self._clock = Clock(time_limit)
        self._escalation = Escalation(worker)
        self._calls = Calls(wire=worker.wire, tools=tools, limit=limits.tool_calls, clock=self._clock)
        self._watch: Watch | None = None  # while somebody attends
        self._pace = Pace()
        self._requests = deque[reports.Request]()  # calls that were heard and are not yet served
        self._begun = False
        self._dead = False
        self._lost = ""  # why the worker's channel has ended
        self._lost_until = _NEVER  # the moment until which the worker should be dead then
        self._frames = 0
        self._report: reports.Report | None = None
        self._takers = tuple(self.shown.takers.values())

    @property
    def records(self) -> Sequence[ToolRecord]:
        return self._calls.records

    def stop(self, why: Stop) -> None:
        """Begin to stop the action; the first reason counts."""
        self.stopped = self.stopped or why
        self._escalation.start()
        self._calls.cancel()
        self._adjust()

    async def attend(self, pipes: Sequence[Pipe], code: str) -> reports.Report | None:
        """Have `code` run and see the action to its end; None when the worker died instead of giving a result.

        May be called again after having been cancelled: nothing that had arrived is lost.
        """
        if self._report is not None:
            return self._report
        with contextlib.ExitStack() as stack:
            for pipe, take in zip(pipes, self._takers, strict=True):
                stack.enter_context(pipe.into(take))
            watched = (self._worker.wire.fileno(), self._worker.pidfd, *(pipe.fileno() for pipe in pipes))
            self._watch = watch = stack.enter_context(contextlib.closing(Watch(watched)))
            stack.callback(setattr, self, "_watch", None)
            self._begin(code)
            if self.broken or self._lost:
                watch.forget(self._worker.wire.fileno())
            await self._listen(watch, pipes, None)
            if not self._over:
                await self._listen_and_serve(watch, pipes)
            if self._report is None:
                await self._read_rest(pipes)
        await self._calls.release(request.number for request in self._requests)
        return self._report

    @property
    def _over(self) -> bool:
        return self._dead or self._report is not None

    def _begin(self, code: str) -> None:
        try:
            if self._begun:
                self._worker.wire.push()
            else:
                self._begun = True
                self._worker.wire.post(Frame("run", {"code": code, "number": self.number}))
        except WireClosedError as error:
            self._lose(str(error))

    async def _listen_and_serve(self, watch: Watch, pipes: Sequence[Pipe]) -> None:
        try:
            async with anyio.create_task_group() as tasks:
                await self._listen(watch, pipes, tasks)
        except BaseExceptionGroup as group:  # one error, of `emit` say, comes as in an action without calls
            if len(group.exceptions) == 1:
                raise group.exceptions[0] from None
            raise

    async def _listen(self, watch: Watch, pipes: Sequence[Pipe], tasks: TaskGroup | None) -> None:
        """Until the action is over, or another of the `tasks` listens; without them, until the first call."""
        while not self._over:
            if not self._requests:
                self._adjust()
                if not self._pace.stays_awake(watch):
                    await watch.wait()
                    self._pace.rested()
                self._hear(watch, pipes)
            elif tasks is None:
                return
            else:
                serving = self._calls.serve(self._requests.popleft())
                waited = await handing_over(serving, lambda: tasks.start_soon(self._listen, watch, pipes, tasks))
                self._adjust()
                if waited:
                    return
        if tasks is not None:
            tasks.cancel_scope.cancel()  # the tools that still run

    def _adjust(self) -> None:
        """Have the watch wake us for what is due next."""
        if self._watch is not None:
            limit = _NEVER if self.stopped else self._clock.runs_out_at
            self._watch.ring_at(min(limit, self._escalation.next_at, self._lost_until, self._look_at))
            self._watch.want_room(self._worker.wire.fileno(), self._worker.wire.has_unsent)

    def _hear(self, watch: Watch, pipes: Sequence[Pipe]) -> None:
        frame = self._receive()
        happened = watch.happened()
        for pipe in pipes:  # after the frame has come: what was printed before it was sent is seen before it
            if pipe.fileno() in happened:
                pipe.drain()
        try:
            while frame is not None:
                self._take(frame)
                frame = self._worker.wire.next() if self._report is None else None
        except reports.ReportError as error:
            self._condemn(str(error))
        except WireClosedError as error:
            self._lose(str(error))
        self._act_in_time()
        self._dead = self._worker.pidfd in happened

    def _receive(self) -> Frame | None:
        """The first frame that has arrived; of a large one, as much as has."""
        if self.broken or self._lost:
            return None
        wire = self._worker.wire
        try:
            wire.push()
            frame = wire.next()
            for _ in range(_READS):
                if frame is not None or not wire.pull():
                    break
                frame = wire.next()
        except WireClosedError as error:
            self._lose(str(error))
            return None
        return frame

    def _act_in_time(self) -> None:
        now = time.monotonic()
        if now >= self._lost_until:
            self._condemn(self._lost)
        if now >= self._clock.runs_out_at and self.stopped is None:
            self.stop("timeout")
        if self._look is not None and now >= self._look_at:
            why, self._look_at = self._look()
            if why is not None:
                self.stop(why)
        self._escalation.climb(now)

    def _lose(self, reason: str) -> None:
        """The channel has ended. The worker is dying, most likely, and how is for `session` to find out."""
        self._lost, self._lost_until = reason, time.monotonic() + _LAST_BREATH
        if self._watch is not None:
            self._watch.forget(self._worker.wire.fileno())

    def _condemn(self, reason: str) -> None:
        """A worker that cannot be talked to is of no use."""
        self.broken, self._lost_until = reason, _NEVER
        self._worker.signal(signal.SIGKILL)
        if self._watch is not None:
            self._watch.forget(self._worker.wire.fileno())

    async def _read_rest(self, pipes: Sequence[Pipe]) -> None:
        """What a dead worker had still said, but for its calls of tools."""
        until = time.monotonic() + _REST
        with contextlib.suppress(WireClosedError, reports.ReportError):
            while self._report is None and not self.broken and time.monotonic() < until:
                await anyio.lowlevel.checkpoint()
                if (frame := self._worker.wire.receive_nowait()) is None:
                    break
                for pipe in pipes:
                    pipe.drain()
                self._take(frame)
        for pipe in pipes:
            pipe.drain()

    def _take(self, frame: Frame) -> None:
        self._frames += 1
        if self._frames > _MAX_FRAMES:
            raise reports.ReportError("frames without end")
        match frame.kind:
            case "display":
                self.shown.show(reports.display(frame))
            case "call":
                self._requests.append(self._calls.admit(frame))
            case "result":
                report = reports.result(frame)
                if report.number != self.number:
                    raise reports.ReportError(f"a result of action {report.number} during action {self.number}")
                self._report = report
            case "variables":
                pass  # the answer to a question that was cancelled
            case _:
                raise reports.ReportError(f"a frame of kind {frame.kind[:40]!r} during an action")
