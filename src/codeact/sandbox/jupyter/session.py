"""A session in the kernels of a Jupyter server: one after the other, in one workspace on the server's side."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, overload

import anyio

from codeact.errors import CodeActError, SandboxError, SessionClosedError, TransferError, UnsupportedError
from codeact.events import Emit, ignore
from codeact.sandbox import endings, reports
from codeact.sandbox.base import Branch, Capability, Checkpoint, FileInfo, Limits, Variable
from codeact.sandbox.box.frames import Blob, Frame
from codeact.sandbox.downloads import collected, pieces, saved
from codeact.sandbox.isolation import IsolationReport, layer
from codeact.sandbox.jupyter import claims
from codeact.sandbox.jupyter.action import KernelAction
from codeact.sandbox.jupyter.kernel import Kernel, Tenancy
from codeact.sandbox.jupyter.server import Server
from codeact.sandbox.output import Kept, whole
from codeact.sandbox.uploads import chunks
from codeact.sandbox.wire import RefusalError
from codeact.types import BoxInfo, ExecError, ExecResult, State, ToolBox

_NOT_OURS = "what is around a kernel is its owner's affair, and is not tried"
_LOST = "A new kernel takes its place: variables and imports are lost, files are kept."
_NOT_RUN = "This action was not run: since the one before, something had ended the kernel."
_ANSWER = 5.0  # seconds for a kernel to list its variables; then it is interrupted
_LAST_ANSWER = 2.0  # seconds more, until it is replaced
_LET_GO = 0.5  # seconds for a server to begin to end a kernel
_END = 10.0  # seconds for a server to have ended a kernel


class KernelSession:
    def __init__(
        self, *, server: Server, name: str | None, workspace: str | None, tools: ToolBox | None, limits: Limits
    ) -> None:
        """`name`: of the kernel's specification. `workspace`: a folder on the server's side; None for a new one that
        goes with the session.
        """
        self.isolation = IsolationReport(layers=(layer("confinement", False, _NOT_OURS),))
        specs = tools.specs if tools else ()
        stubs = [{"name": spec.name, "signature": spec.signature, "doc": spec.doc} for spec in specs]
        self._server = server
        self._name = name
        self._tools = tools
        self._limits = limits
        self._tenancy = Tenancy(workspace=workspace, memory=limits.memory, tools=stubs)
        self._own_folder = workspace is None
        self._info = BoxInfo(python="", workspace="")
        self._turn = anyio.Lock()
        self._numbers = itertools.count(1)
        self._kernel: Kernel | None = None
        self._moved_in = False
        self._leaving: list[Kernel] = []  # that the server was told to end and may not have ended yet
        self._action: KernelAction | None = None
        self._interrupted: ExecResult | None = None
        self._late = Kept(limits.output)
        self._closed = False

    @property
    def info(self) -> BoxInfo:
        return self._info

    @property
    def capabilities(self) -> frozenset[Capability]:
        return frozenset(["files", "interrupt"])

    @property
    def interrupted(self) -> ExecResult | None:
        return self._interrupted

    async def start(self) -> None:
        """Raises `UsageError` for a kernel that there is not; `SandboxError`."""
        await self._ready()

    async def close(self) -> None:
        """End the kernels, and remove the workspace if it was made for this session."""
        self._closed = True
        with anyio.CancelScope(shield=True):
            if self._own_folder and self._info.workspace and self._kernel is not None:
                with contextlib.suppress(SandboxError), anyio.move_on_after(_END):
                    if not self._moved_in:  # only a kernel can reach the folder
                        await self._kernel.move_in(self._tenancy)
                    await self._kernel.ask("leave", {}, answer="left")
            kernels, self._kernel, self._leaving = [*self._leaving, self._kernel], None, []
            async with anyio.create_task_group() as tasks:
                for kernel in kernels:
                    if kernel is not None:
                        tasks.start_soon(kernel.end, _END)

    async def run(self, code: str, *, time_limit: float = 60.0, emit: Emit = ignore) -> ExecResult:
        self._check_open()
        async with self._turn:
            self._check_open()
            self._interrupted = None
            if (error := endings.too_large(code)) is not None:
                return ExecResult(error=error)
            action = KernelAction(
                number=next(self._numbers),
                kernel=await self._ready(),
                tools=self._tools,
                limits=self._limits,
                time_limit=time_limit,
                emit=emit,
                late=self._late,
            )
            self._action = action
            try:
                return await self._execute(action, code)
            finally:
                self._action = None

    async def _execute(self, action: KernelAction, code: str) -> ExecResult:
        started = time.monotonic()
        try:
            report = await action.attend(code)
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):
                action.stop("interrupted")
                report = await action.attend(code)
                self._interrupted = await self._result(action, report, time.monotonic() - started)
            raise
        except (Exception, BaseExceptionGroup):  # of the host's own: `emit` has raised, say
            with anyio.CancelScope(shield=True):
                await self._replace()  # nobody watches the code that still runs
            raise
        return await self._result(action, report, time.monotonic() - started)

    async def _result(self, action: KernelAction, report: reports.Report | None, duration: float) -> ExecResult:
        state: State = "kept"
        if report is None:
            with anyio.CancelScope(shield=True):
                await self._replace()
            state, error = "lost", _lost(action, duration)
            report = reports.Report(number=action.number, value=None, error=error, answer=None)
        else:
            report = replace(report, error=endings.stopped(action.stopped, report.error, seconds=duration))
        shown, late, self._late = action.shown, self._late.text, Kept(self._limits.output)
        overflow = await self._keep_whole(action, report.value or "")
        return shown.result(report, action.records, state=state, duration=duration, overflow=overflow, late=late)

    async def interrupt(self) -> None:
        if self._action is not None:
            self._action.stop("interrupted")

    async def reset(self) -> None:
        async with self._turn:
            self._check_open()
            with anyio.CancelScope(shield=True):
                await self._replace()
            await self._ready()

    async def variables(self) -> Sequence[Variable]:
        async with self._turn:
            self._check_open()
            kernel = await self._ready()
            found: Sequence[Variable] | Exception = SandboxError("without an answer")
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_hurry, kernel)
                found = await _ask_variables(kernel)
                tasks.cancel_scope.cancel()
            if isinstance(found, Exception):
                with anyio.CancelScope(shield=True):
                    await self._replace()
                raise SandboxError(f"the kernel could not list its variables ({found}) and was replaced")
            return found

    async def put(self, path: str, data: bytes | Path) -> None:
        async with self._transfer():
            await self._put(path, data)

    @overload
    async def get(self, path: str) -> bytes: ...

    @overload
    async def get(self, path: str, *, to: Path) -> int: ...

    async def get(self, path: str, *, to: Path | None = None) -> bytes | int:
        async def read(offset: int) -> tuple[int, Blob]:
            return claims.chunk(await self._ask("read", {"path": path, "offset": offset}, answer="chunk"))

        async with self._transfer():
            found = pieces(read, path, self._limits.workspace)
            return await (collected(found) if to is None else saved(found, to))

    async def files(self, *, hidden: bool = False) -> Sequence[FileInfo]:
        async with self._transfer():
            frame = await self._ask("list", {"hidden": hidden}, answer="listed")
            return claims.listing(frame)

    async def checkpoint(self) -> Checkpoint:
        raise UnsupportedError("a Jupyter kernel cannot keep checkpoints")

    async def restore(self, checkpoint: Checkpoint) -> None:
        raise UnsupportedError("a Jupyter kernel cannot go back to a checkpoint")

    async def forget(self, checkpoint: Checkpoint) -> None:
        """There are none."""

    async def fork(self) -> Branch:
        raise UnsupportedError("a Jupyter kernel cannot be forked")

    def _check_open(self) -> None:
        if self._closed:
            raise SessionClosedError("the session has ended")

    async def _ready(self) -> Kernel:
        """The kernel, with our code in it. Raises `SandboxError`."""
        if self._kernel is None or not self._moved_in:
            with anyio.CancelScope(shield=True):  # half-way it would be of no use to the next who asks
                await self._move_in(self._kernel or await self._take())
        assert self._kernel is not None
        return self._kernel

    async def _move_in(self, kernel: Kernel) -> None:
        try:
            self._info = claims.about(await kernel.move_in(self._tenancy))
        except SandboxError:
            await self._replace()
            raise
        self._tenancy = replace(self._tenancy, workspace=self._info.workspace, known=True)
        self._moved_in = True

    async def _take(self) -> Kernel:
        self._kernel = kernel = Kernel(self._server, await self._server.take(self._name))
        return kernel

    async def _replace(self) -> None:
        """Let go of the kernel, and have another start, into which our code moves when it is needed."""
        old, self._kernel, self._moved_in = self._kernel, None, False
        if old is not None and not await old.end(_LET_GO):
            self._leaving.append(old)
        with contextlib.suppress(CodeActError):  # who needs it asks again, and is told
            await self._take()

    async def _keep_whole(self, action: KernelAction, value: str) -> str | None:
        data = whole(action.shown.stdout.text, action.shown.stderr.text, value)
        if data is None or not self._moved_in:  # a new kernel is not waited for
            return None
        path = f".codeact/output-{action.number}.txt"
        with contextlib.suppress(SandboxError):  # no room, say; the result still has what it has
            await self._put(path, data)
            return path
        return None

    @contextlib.asynccontextmanager
    async def _transfer(self) -> AsyncGenerator[None]:
        """A kernel does one thing at a time, and a tool that waited for its own action would wait for ever."""
        self._check_open()
        if self._action is not None:
            raise TransferError("files of a Jupyter kernel can only be moved between actions, and one is going on")
        async with self._turn:
            self._check_open()
            yield

    async def _put(self, path: str, data: bytes | Path) -> None:
        start = True
        async for chunk in chunks(data, self._limits.workspace):
            await self._ask("write", {"path": path, "start": start}, [chunk], answer="written")
            start = False

    async def _ask(self, kind: str, body: Mapping[str, Any], blobs: Sequence[Blob] = (), *, answer: str) -> Frame:
        kernel = await self._ready()
        try:
            return await kernel.ask(kind, body, blobs, answer=answer)
        except RefusalError as refusal:
            raise TransferError(str(refusal)) from None


def _lost(action: KernelAction, duration: float) -> ExecError:
    if action.stopped is not None:
        ending = endings.Ending(None, "lost")
        return endings.died(action.stopped, ending, broken="", starved=False, seconds=duration)
    text = f"The kernel ended: {action.broken}." if action.begun else _NOT_RUN
    return ExecError(kind="crashed", name="KernelError", message=f"{text} {_LOST}")


async def _ask_variables(kernel: Kernel) -> Sequence[Variable] | Exception:
    """The variables, or why the kernel did not tell: an exception that left a task group would come as a group."""
    try:
        with anyio.fail_after(_ANSWER + _LAST_ANSWER):
            return reports.variables(await kernel.ask("variables", {}, answer="variables"))
    except (TimeoutError, SandboxError, reports.ReportError) as error:
        return error


async def _hurry(kernel: Kernel) -> None:
    await anyio.sleep(_ANSWER)
    await kernel.interrupt()  # it answers with what it has until then
