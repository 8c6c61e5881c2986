"""One interpreter after the other in one workspace, through the control wire to the session's trusted process."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, overload

import anyio

from codeact.errors import SandboxError, SessionClosedError, TransferError, UnsupportedError
from codeact.events import Emit, ignore
from codeact.sandbox import endings, isolation, reports
from codeact.sandbox.action import Action
from codeact.sandbox.base import Capability, Checkpoint, Checkpoints, FileInfo, Variable
from codeact.sandbox.box.branches import MAIN
from codeact.sandbox.control import Control
from codeact.sandbox.downloads import collected, saved
from codeact.sandbox.endings import Ending
from codeact.sandbox.isolation import IsolationReport
from codeact.sandbox.launch import Launched
from codeact.sandbox.listing import variables_of
from codeact.sandbox.meter import Elsewhere, Meter
from codeact.sandbox.network.traffic import Traffic
from codeact.sandbox.output import Kept, Pipe, open_pipe, whole
from codeact.sandbox.past import Copy, Past, copy_of, wake
from codeact.sandbox.uploads import chunks
from codeact.sandbox.wire import RefusalError
from codeact.sandbox.worker import Worker
from codeact.types import BoxInfo, ExecResult, NetworkRequest, State, ToolBox


class BoxSession:
    """The `Session` of every backend that runs our box, and the branches of one."""

    def __init__(
        self,
        *,
        control: Control,
        pipes: tuple[Pipe, Pipe],
        tools: ToolBox | None,
        meter: Meter | Elsewhere,
        checkpoints: Checkpoints = "standby",
        branch: int = MAIN,
    ) -> None:
        self.isolation = IsolationReport(layers=())
        self.traffic = Traffic()
        self._info = BoxInfo(python="", workspace="")
        self._control = control
        self._branch = branch
        self._policy: Checkpoints = checkpoints
        self._past = Past(control, branch, checkpoints)
        self._pipes = pipes
        self._tools = tools
        self.meter = meter
        self._limits = limits = meter.limits
        self._turn = anyio.Lock(fast_acquire=True)  # whoever has it waits for the box: the others have a turn then
        self._ran = 0  # actions so far
        self._forks = list[BoxSession]()
        self._worker: Worker | None = None
        self._action: Action | None = None
        self._interrupted: ExecResult | None = None
        self._late = Kept(limits.output)  # output of background work, since the last action
        self._closed = False
        self.ended = anyio.Event()
        self.used_at = 0.0  # moment of the monotonic clock at which an action last began or ended

    @property
    def info(self) -> BoxInfo:
        return self._info

    @property
    def capabilities(self) -> frozenset[Capability]:
        can: list[Capability] = ["files", "interrupt", "checkpoint"]
        return frozenset([*can, "fork"] if self._control.branching else can)

    @property
    def checkpoints(self) -> Sequence[Checkpoint]:
        """Those that can be returned to, oldest first."""
        return self._past.checkpoints

    async def start(self, server: Launched, network: str = "open") -> None:
        """Wait for the box, which `server` runs, and start the first interpreter. `network`: its policy's name.

        Raises:
            IsolationError: a layer could not be made.
            SandboxError: the machinery failed.
        """
        frame = await self._control.ready()
        rows = list(server.around), frame.body.get("layers"), await self._spawn(), self.meter.layers
        self.isolation = isolation.report(*rows, checks=server.checks, above=server.above)
        self._info = BoxInfo(
            python=server.python,
            workspace=frame.body["workspace"],
            packages=server.packages,
            isolation=self.isolation.level,
            network=network,
        )

    @property
    def alive(self) -> bool:
        """Whether its processes are there."""
        return not (self._closed or self._worker is None or self._worker.dead or self._control.dead)

    def equip(self, tools: ToolBox | None) -> None:
        """Give a session that was started without tools those of whoever takes it, before its first action."""
        self._tools, self.used_at = tools, time.monotonic()
        if tools is not None:
            self._control.tell(self._check_open(), tools.specs)

    def close(self) -> None:
        """Let go of everything; the processes inside end with the control wire."""
        self._let_go()
        self._control.close()

    async def __aenter__(self) -> BoxSession:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Leave a branch."""
        if self._closed or self._control.closed or self._branch == MAIN:
            return
        worker = self._worker
        self._forks.remove(self)
        with anyio.CancelScope(shield=True):
            with contextlib.suppress(SandboxError):  # the whole session is ending too
                await self._past.drop_all()
            self._let_go()
            with contextlib.suppress(SandboxError):
                await self._control.unbranch(self._branch, worker.pid if worker else 0)

    def _let_go(self) -> None:
        self._closed = True
        self.ended.set()
        for fork in self._forks if self._branch == MAIN else ():  # of the whole session, which ends
            fork._let_go()
        self._forget_worker()
        self._past.close()
        for pipe in self._pipes:
            pipe.close()

    async def run(self, code: str, *, time_limit: float = 60.0, emit: Emit = ignore) -> ExecResult:
        async with self._turn:
            worker = self._check_open()
            late, self._interrupted = self._late_output(), None
            if worker.dead:
                ending = await self._recover(self._ran)
                await self._follow()
                return ExecResult(error=endings.died_between(ending), late=late, state=ending.state)
            if (error := endings.too_large(code)) is not None:
                return ExecResult(error=error, late=late)
            self._ran += 1
            action = Action(
                number=self._ran,
                worker=worker,
                tools=self._tools,
                limits=self._limits,
                time_limit=time_limit,
                emit=emit,
                look=self.meter.begin(),
            )
            self._action, self.used_at = action, time.monotonic()
            try:
                with self.traffic.shown(emit):
                    return replace(await self._execute(action, code), late=late)
            finally:
                self._action, self.used_at = None, time.monotonic()
                with anyio.CancelScope(shield=True):
                    await self._follow()

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
                await self._recover(self._ran - 1)  # nobody watches the code that still runs
            raise

    async def _result(self, action: Action, report: reports.Report | None, duration: float) -> ExecResult:
        kills = self.meter.new_kills()
        if report is None:
            starved = kills.machine > 0
            state: State = "lost"
            try:
                ending = await self._recover(self._ran - 1)
                state = ending.state
                why = action.stopped
                error = endings.died(why, ending, broken=action.broken, starved=starved, seconds=duration)
            except RefusalError as problem:  # the session's first process is there, but can do no more
                self._forget_worker()
                error = endings.not_restarted(str(problem))
            except SandboxError:
                if not kills.own:
                    raise
                self._forget_worker()  # the kernel chose the session's first process
                error = endings.out_of_memory("The session is over.")
            report = reports.Report(number=action.number, value=None, error=error, answer=None)
        else:
            state = "kept"
            report = replace(report, error=endings.stopped(action.stopped, report.error, seconds=duration))
        overflow = await self._keep_whole(action, report.value or "")
        killed = endings.killed_children(kills.own if state == "kept" else 0)
        return action.shown.result(
            report, action.records, state=state, duration=duration, overflow=overflow, killed=killed
        )

    @property
    def requests(self) -> Sequence[NetworkRequest]:
        """What the session has asked its proxy for, allowed or not, in order; the last 10,000. Empty without one."""
        return self.traffic.requests

    @property
    def interrupted(self) -> ExecResult | None:
        return self._interrupted

    async def interrupt(self) -> None:
        if self._action is not None:
            self._action.stop("interrupted")

    async def reset(self) -> None:
        async with self._turn:
            self._check_open()
            self._past.forget_standby()
            with anyio.CancelScope(shield=True):
                await self._end_worker()
                await self._spawn()
                await self._follow()

    async def variables(self) -> Sequence[Variable]:
        async with self._turn:
            worker = self._check_open()
            found = await variables_of(worker, self._pipes, self._late.add)
            if isinstance(found, Exception):
                ending = await self._recover(self._ran)
                raise SandboxError(f"the interpreter could not list its variables ({found}). {ending.kept}")
            return found

    async def put(self, path: str, data: bytes | Path) -> None:
        self._check_open()
        start = True
        async with contextlib.aclosing(chunks(data, self._limits.workspace)) as pieces:
            async for chunk in pieces:
                await self._control.write(self._branch, path, chunk, start=start)
                start = False

    @overload
    async def get(self, path: str) -> bytes: ...

    @overload
    async def get(self, path: str, *, to: Path) -> int: ...

    async def get(self, path: str, *, to: Path | None = None) -> bytes | int:
        self._check_open()
        pieces = self._control.read(self._branch, path, most=self._limits.workspace)
        return await (collected(pieces) if to is None else saved(pieces, to))

    async def files(self, *, hidden: bool = False) -> Sequence[FileInfo]:
        self._check_open()
        return await self._control.files(self._branch, hidden=hidden)

    async def checkpoint(self) -> Checkpoint:
        async with self._turn:
            return await self._past.add(self._check_open(), self._ran)

    async def restore(self, checkpoint: Checkpoint) -> None:
        async with self._turn:
            self._check_open()
            copy, files = await self._past.at(checkpoint)
            with anyio.CancelScope(shield=True):  # half-way there would be no worker, or no files
                await self._end_worker(keep=copy.pid)
                self._past.forget_standby()
                try:
                    await self._control.put_back(self._branch, files)
                finally:  # a session without all its files is better than one without an interpreter
                    await self._go_on_with_or_anew(copy)
                await self._follow()

    async def forget(self, checkpoint: Checkpoint) -> None:
        async with self._turn:
            await self._past.forget(checkpoint)

    async def fork(self) -> BoxSession:
        if "fork" not in self.capabilities:
            raise UnsupportedError(
                "this session has one set of files, so it cannot be two at once; where it can keep checkpoints, "
                "try one thing after the other: checkpoint, act, restore, act"
            )
        async with self._turn:
            worker = self._check_open()
            with contextlib.ExitStack() as given, contextlib.ExitStack() as kept:
                (out, stdout), (err, stderr) = open_pipe(given, kept), open_pipe(given, kept)
                number, root = await self._control.branch(self._branch, [stdout, stderr])
                given.callback(os.close, root)
                shared: dict[str, Any] = {"control": self._control, "tools": self._tools, "meter": self.meter}
                branch = BoxSession(**shared, pipes=(out, err), checkpoints=self._policy, branch=number)
                branch._forks = self._forks
                with anyio.CancelScope(shield=True):
                    await branch._begin_as(self, worker, [stdout, stderr, root])
                kept.pop_all()
            self._forks.append(branch)
            return branch

    async def _begin_as(self, original: BoxSession, worker: Worker, fds: Sequence[int]) -> None:
        self.isolation, self._info, self._ran = original.isolation, original.info, original._ran
        self.traffic = original.traffic  # one network, one proxy
        try:
            await self._go_on_with(await copy_of(worker.wire, self._ran, fds))
            await self._follow()
        except BaseException:
            await self._control.unbranch(self._branch, 0)
            raise

    def _check_open(self) -> Worker:
        if self._closed or self._control.closed or self._worker is None:
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
        self._worker, layers = await self._control.spawn(self._branch, self._tools.specs if self._tools else ())
        return layers

    async def _recover(self, finished: int) -> Ending:
        """Replace the worker by its newest copy, or by a fresh one. `finished`: how many actions' effects it had."""
        with anyio.fail_after(None, shield=True):  # half-way there would be no worker at all
            copy = await self._past.newest()
            try:
                status = await self._end_worker(keep=copy.pid if copy else 0)
            except BaseException:
                if copy is not None:
                    copy.wire.close()
                raise
            if copy is not None:
                with contextlib.suppress(SandboxError):  # the agent's code has ended that one too
                    await self._go_on_with(copy)
                    return Ending.restored(status, after=copy.after, finished=finished)
            await self._spawn()
        return Ending.restored(status, after=0, finished=0) if finished <= 0 else Ending(status, "lost")

    async def _end_worker(self, keep: int = 0) -> int | None:
        """End the worker and all that it started, but not the copies behind checkpoints, nor `keep`. How it ended: exit
        code, or minus the signal; None if not known.
        """
        worker = self._check_open()
        worker.signal(signal.SIGKILL)
        status = await self._control.end(worker, self._branch, {*self._past.pids, keep} - {0})
        worker.close()
        return status

    async def _go_on_with_or_anew(self, copy: Copy) -> None:
        try:
            await self._go_on_with(copy)
        except SandboxError:
            await self._spawn()  # there must be an interpreter
            raise

    async def _go_on_with(self, copy: Copy) -> None:
        self._worker = await wake(self._control, copy)

    async def _follow(self) -> None:
        if self._worker is not None:
            await self._past.follow(self._worker, self._ran)

    def _forget_worker(self) -> None:
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    async def _keep_whole(self, action: Action, value: str) -> str | None:
        if (data := whole(action.shown.stdout.text, action.shown.stderr.text, value)) is None:
            return None
        path = f".codeact/output-{action.number}.txt"
        with contextlib.suppress(TransferError, SessionClosedError):  # no room, or no end; the result has what it has
            await self.put(path, data)
            return path
        return None
