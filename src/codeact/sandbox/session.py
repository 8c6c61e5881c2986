"""A session as the host sees it: one interpreter after the other in one workspace, through the control wire to its
trusted process.
"""

from __future__ import annotations

import contextlib
import itertools
import signal
import socket
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel

from codeact.errors import IsolationError, SandboxError, SessionClosedError, TransferError, UnsupportedError
from codeact.events import Emit, ignore
from codeact.sandbox import endings, isolation, reports
from codeact.sandbox.action import Action
from codeact.sandbox.base import Capability, Checkpoint, FileInfo, Limits, Session, Variable
from codeact.sandbox.box.files import CHUNK
from codeact.sandbox.box.frames import Frame
from codeact.sandbox.isolation import IsolationReport
from codeact.sandbox.launch import Launched
from codeact.sandbox.output import Kept, Pipe
from codeact.sandbox.wire import RefusalError, Wire, WireClosedError
from codeact.sandbox.worker import Worker
from codeact.types import BoxInfo, ExecResult, State, ToolBox

_LONG = 3_950  # characters of output and value from which the whole is kept too: what a model sees, less labels
_ANSWER = 5.0  # seconds for a worker to list its variables; then it is interrupted
_LAST_ANSWER = 2.0  # seconds more, until it is replaced
_START = 30.0  # seconds for a worker to be ready


class BoxSession:
    """The `Session` of every backend that runs our box."""

    def __init__(self, *, wire: Wire, pipes: tuple[Pipe, Pipe], tools: ToolBox | None, limits: Limits) -> None:
        self.isolation = IsolationReport(layers=())
        self._info = BoxInfo(python="", workspace="")
        self._control = wire
        self._pipes = pipes
        self._tools = tools
        self._limits = limits
        self._turn = anyio.Lock()
        self._numbers = itertools.count(1)
        self._worker: Worker | None = None
        self._action: Action | None = None
        self._interrupted: ExecResult | None = None
        self._late = Kept(limits.output)  # output of background work, since the last action
        self._closed = False
        self._memory_kills = 0  # on the whole machine, when the worker was started

    @property
    def info(self) -> BoxInfo:
        return self._info

    @property
    def capabilities(self) -> frozenset[Capability]:
        return frozenset(["files", "interrupt"])

    async def start(self, server: Launched) -> None:
        """Wait for the box, which `server` runs, and start the first interpreter.

        Raises:
            IsolationError: a layer could not be made.
            SandboxError: the machinery failed.
        """
        try:
            with anyio.fail_after(_START):
                frame = await self._control.receive()
        except (WireClosedError, TimeoutError) as error:
            raise SandboxError(f"the session could not be started: {error}") from None
        if frame.kind == "failed":
            raise IsolationError(isolation.refusal([isolation.layer("namespaces", False, frame.body["reason"])]))
        self.isolation = isolation.report(frame.body.get("layers"), await self._spawn())
        self._info = BoxInfo(
            python=server.python,
            workspace=frame.body["workspace"],
            packages=server.packages,
            isolation=self.isolation.level,
        )

    def close(self) -> None:
        """Let go of everything; the processes inside end with the control wire."""
        self._closed = True
        self._forget_worker()
        self._control.close()
        for pipe in self._pipes:
            pipe.close()

    async def run(self, code: str, *, time_limit: float = 60.0, emit: Emit = ignore) -> ExecResult:
        async with self._turn:
            worker = self._check_open()
            late, self._interrupted = self._late_output(), None
            number = next(self._numbers)
            if worker.dead:
                status = await self._replace()
                return ExecResult(error=endings.died_between(status), late=late, state="lost")
            action = Action(
                number=number, worker=worker, tools=self._tools, limits=self._limits, time_limit=time_limit, emit=emit
            )
            self._action = action
            try:
                return replace(await self._execute(action, code), late=late)
            finally:
                self._action = None

    async def _execute(self, action: Action, code: str) -> ExecResult:
        started = time.monotonic()
        try:
            report = await self._attend(action, code)
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):
                action.stop("interrupted")
                report = await self._attend(action, code)
                self._interrupted = await self._result(action, report, time.monotonic() - started)
            raise
        return await self._result(action, report, time.monotonic() - started)

    async def _attend(self, action: Action, code: str) -> reports.Report | None:
        try:
            return await action.attend(self._pipes, code)
        except (Exception, BaseExceptionGroup):  # of the host's own: `emit` has raised, say
            with anyio.CancelScope(shield=True):
                await self._replace()  # nobody watches the code that still runs
            raise

    async def _result(self, action: Action, report: reports.Report | None, duration: float) -> ExecResult:
        if report is None:
            starved = endings.memory_kills() > self._memory_kills
            try:
                status = await self._replace()
                error = endings.died(action.stopped, status, broken=action.broken, starved=starved, seconds=duration)
            except RefusalError as problem:  # the session's first process is there, but can do no more
                self._forget_worker()
                error = endings.not_restarted(str(problem))
            state: State = "lost"
            report = reports.Report(number=action.number, value=None, error=error, answer=None)
        else:
            state = "kept"
            report = replace(report, error=endings.stopped(action.stopped, report.error, seconds=duration))
        return ExecResult(
            stdout=action.stdout.text,
            stderr=action.stderr.text,
            value=report.value,
            displays=tuple(action.displays),
            error=report.error,
            answer=report.answer,
            tool_calls=tuple(action.records),
            dropped=action.stdout.dropped + action.stderr.dropped + action.dropped,
            overflow=await self._keep_whole(action, report.value or ""),
            state=state,
            duration=duration,
        )

    @property
    def interrupted(self) -> ExecResult | None:
        return self._interrupted

    async def interrupt(self) -> None:
        if self._action is not None:
            self._action.stop("interrupted")

    async def reset(self) -> None:
        async with self._turn:
            self._check_open()
            await self._replace()

    async def variables(self) -> Sequence[Variable]:
        async with self._turn:
            worker = self._check_open()
            found: Sequence[Variable] | Exception = SandboxError("without an answer")
            with contextlib.ExitStack() as stack:
                for pipe in self._pipes:
                    stack.enter_context(pipe.into(self._late.add))
                async with anyio.create_task_group() as tasks:
                    for pipe in self._pipes:
                        tasks.start_soon(pipe.pump)  # or a background thread that prints would block the worker
                    tasks.start_soon(_hurry, worker)
                    found = await _ask_variables(worker)
                    tasks.cancel_scope.cancel()
            if isinstance(found, Exception):
                await self._replace()
                raise SandboxError(f"the interpreter could not list its variables ({found}) and was replaced")
            return found

    async def put(self, path: str, data: bytes | Path) -> None:
        self._check_open()
        start = True
        async for chunk in _chunks(data, self._limits.workspace):
            await self._transfer(Frame("write", {"path": path, "start": start}, [chunk]), "written")
            start = False

    async def get(self, path: str) -> bytes:
        self._check_open()
        data, size = bytearray(), 1
        while len(data) < size:
            frame = await self._transfer(Frame("read", {"path": path, "offset": len(data)}), "chunk")
            size = frame.body["size"]
            if size > self._limits.workspace:
                raise TransferError(f"{path!r} says it holds {size:,} bytes, more than the workspace can")
            if not frame.blobs[0]:
                break  # it has become shorter meanwhile
            data += frame.blobs[0]
        return bytes(data)

    async def files(self) -> Sequence[FileInfo]:
        self._check_open()
        frame = await self._transfer(Frame("list"), "listed")
        return [FileInfo(path=path, size=size, modified=modified) for path, size, modified in frame.body["files"]]

    async def checkpoint(self) -> Checkpoint:
        raise UnsupportedError("this sandbox cannot keep checkpoints")

    async def restore(self, checkpoint: Checkpoint) -> None:
        raise UnsupportedError("this sandbox cannot go back to a checkpoint")

    async def fork(self) -> Session:
        raise UnsupportedError("this sandbox cannot fork a session")

    def _check_open(self) -> Worker:
        if self._closed or self._worker is None:
            raise SessionClosedError("the session has ended")
        return self._worker

    def _late_output(self) -> str:
        late, self._late = self._late, Kept(self._limits.output)
        for pipe in self._pipes:
            with pipe.into(late.add):
                pipe.drain()
        return late.text

    async def _spawn(self) -> Any:
        """Start a worker. The layers that it reports to be around it."""
        ours, theirs = socket.socketpair()
        try:
            reply, fds = await self._control.ask(Frame("spawn"), fds=[theirs.fileno()], answer="spawned")
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self._worker = worker = Worker(Wire(ours), fds[0], reply.body["pid"])
        self._memory_kills = endings.memory_kills()
        specs = self._tools.specs if self._tools else ()
        tools = [{"name": spec.name, "signature": spec.signature, "doc": spec.doc} for spec in specs]
        try:
            with anyio.fail_after(_START):
                await worker.wire.send(Frame("start", {"tools": tools}))
                frame = await worker.wire.receive()
        except (WireClosedError, TimeoutError) as error:
            raise SandboxError(f"the interpreter could not be started: {error}") from None
        if frame.kind != "ready":
            raise SandboxError(f"the interpreter could not be started: {frame.body.get('reason')}")
        return frame.body.get("layers")

    async def _replace(self) -> int | None:
        """End the worker and all that it started, and start another. How it ended: exit code, or minus the signal; None
        if not known.
        """
        worker = self._check_open()
        worker.signal(signal.SIGKILL)
        reply, _ = await self._control.ask(Frame("end", {"pid": worker.pid}), answer="ended")
        with anyio.CancelScope(shield=True):  # half-way there would be no worker at all
            self._forget_worker()
            await self._spawn()
        return reply.body["status"]

    def _forget_worker(self) -> None:
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    async def _keep_whole(self, action: Action, value: str) -> str | None:
        stdout, stderr = action.stdout.text, action.stderr.text
        if len(stdout) + len(stderr) + len(value) <= _LONG:
            return None
        path = f".codeact/output-{action.number}.txt"
        text = stdout + (f"\n--- standard error ---\n{stderr}" if stderr else "")
        text += f"\n--- last value ---\n{value}" if value else ""
        with contextlib.suppress(TransferError):  # no room; the result still has what it has
            await self.put(path, text.encode("utf-8", "replace"))
            return path
        return None

    async def _transfer(self, frame: Frame, answer: str) -> Frame:
        try:
            return (await self._control.ask(frame, answer=answer))[0]
        except RefusalError as refusal:
            raise TransferError(str(refusal)) from None


async def _ask_variables(worker: Worker) -> Sequence[Variable] | Exception:
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


async def _chunks(data: bytes | Path, most: int) -> AsyncIterator[bytes]:
    """At least one chunk, which may be empty. Raises TransferError for a host file that cannot be read."""
    if isinstance(data, bytes):
        if len(data) > most:
            raise TransferError(f"{len(data):,} bytes do not fit: the workspace has room for {most:,}")
        for start in range(0, max(1, len(data)), CHUNK):
            yield data[start : start + CHUNK]
        return
    source = anyio.Path(data)
    try:
        if not await source.is_file():
            raise TransferError(f"{str(data)!r} is not a file")
        if (size := (await source.stat()).st_size) > most:
            raise TransferError(f"{str(data)!r} has {size:,} bytes, but the workspace has room for {most:,}")
        async with await source.open("rb") as file:
            yield await file.read(CHUNK)
            while chunk := await file.read(CHUNK):
                yield chunk
    except OSError as error:
        raise TransferError(f"{str(data)!r} cannot be read: {error.strerror}") from error
