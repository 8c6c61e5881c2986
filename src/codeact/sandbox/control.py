"""A session's trusted first process, as the host commands it: workers, branches, copies of files, files in and out.

One command at a time, each with one answer. What a worker claims (its number, say) passes through here and is only good
for what is inside the same session.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Collection, Sequence
from typing import Any

import anyio

from codeact.errors import SandboxError, TransferError
from codeact.sandbox.base import FileInfo
from codeact.sandbox.box.frames import Blob, Frame
from codeact.sandbox.downloads import Pieces, pieces
from codeact.sandbox.isolation import MissingLayerError
from codeact.sandbox.wire import RefusalError, Wire, WireClosedError
from codeact.sandbox.worker import Worker
from codeact.types import ToolSpec

_START = 30.0  # seconds for a box, and for a worker in it, to be ready


class Control:
    def __init__(self, wire: Wire, ahead: Wire | None = None) -> None:
        """`ahead`: to the first worker, which is made with the session."""
        self._wire = wire
        self._ahead = ahead
        self.closed = False
        self.branching = False  # whether branches can have files of their own at the same paths

    async def ready(self) -> Frame:
        """Wait for the box.

        Raises:
            IsolationError: a layer could not be made.
            SandboxError: the machinery failed.
        """
        try:
            with anyio.fail_after(_START):
                frame = await self._wire.receive()
        except (WireClosedError, TimeoutError) as error:
            raise SandboxError(f"the session could not be started: {error}") from None
        if frame.kind == "failed":
            raise MissingLayerError.told(frame.body)
        self.branching = frame.body.get("branching") is True
        return frame

    @property
    def dead(self) -> bool:
        """Whether the session's first process is gone. It says nothing unasked, so what can be read is the end."""
        return self.closed or self._wire.readable

    def close(self) -> None:
        """Let go; the processes inside end with the wire."""
        self.closed = True
        self._wire.close()
        if self._ahead is not None:
            self._ahead.close()

    # --- workers ---

    async def spawn(self, branch: int, specs: Sequence[ToolSpec]) -> tuple[Worker, Any]:
        """Start a worker. Returns with it the layers that it reports to be around it.

        Raises:
            RefusalError: the session can make no more processes.
            SandboxError: the machinery failed.
        """
        worker = await self._first() or await self._new(branch)
        try:
            return worker, await _greet(worker, specs)
        except BaseException:
            worker.close()
            raise

    async def _first(self) -> Worker | None:
        """The worker that was made with the session, if it has not been taken."""
        if self._ahead is None:
            return None
        reply, (pidfd,) = await self._wire.ask(Frame("spawn"), answer="spawned")
        wire, self._ahead = self._ahead, None
        return Worker(wire, pidfd, reply.body["pid"])

    async def _new(self, branch: int) -> Worker:
        ours, theirs = socket.socketpair()
        try:
            frame = Frame("spawn", {"branch": branch})
            reply, (pidfd,) = await self._wire.ask(frame, fds=[theirs.fileno()], answer="spawned")
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        return Worker(Wire(ours), pidfd, reply.body["pid"])

    def tell(self, worker: Worker, specs: Sequence[ToolSpec]) -> None:
        """Give a worker other tools. Never waits: what does not go at once goes before its next command."""
        with contextlib.suppress(WireClosedError):  # dead; the next action will say so
            worker.wire.post(_start(specs))

    async def adopt(self, wire: Wire, pid: int) -> Worker:
        """Hold a copy that a worker has made of itself. Raises `SandboxError` when there is no such process."""
        _, (pidfd,) = await self._wire.ask(Frame("adopt", {"pid": pid}), answer="adopted")
        return Worker(wire, pidfd, pid)

    async def end(self, worker: Worker, branch: int, keep: Collection[int] = ()) -> int | None:
        """Kill every process of a branch but `keep`. How the worker ended: exit code, or minus the signal; None if not
        known.
        """
        body = {"pid": worker.pid, "branch": branch, "keep": list(keep)}
        reply, _ = await self._wire.ask(Frame("end", body), answer="ended")
        return reply.body["status"]

    # --- branches and copies of files ---

    async def branch(self, source: int, output: Sequence[int]) -> tuple[int, int]:
        """A new branch with the files of `source`: its number, and a descriptor of its root, which the caller owns.

        Raises:
            TransferError: its files could not be copied.
        """
        reply, (root,) = await self._ask(Frame("branch", {"branch": source}), "branched", fds=output)
        return reply.body["branch"], root

    async def unbranch(self, branch: int, pid: int) -> None:
        """End a branch: its processes and its files."""
        await self._ask(Frame("unbranch", {"branch": branch, "pid": pid}), "unbranched")

    async def keep(self, branch: int) -> tuple[int, list[str]]:
        """Copy the files; the number of the copy, and what could not be copied. Raises `TransferError`."""
        reply, _ = await self._ask(Frame("keep", {"branch": branch}), "kept")
        return reply.body["copy"], reply.body["left_out"]

    async def put_back(self, branch: int, copy: int) -> None:
        """Raises `TransferError`."""
        await self._ask(Frame("put back", {"branch": branch, "copy": copy}), "put back")

    async def drop(self, copy: int) -> None:
        await self._ask(Frame("drop", {"copy": copy}), "dropped")

    # --- files in and out ---

    async def write(self, branch: int, path: str, data: Blob, *, start: bool) -> None:
        """One chunk of a file, its first if `start`. Raises `TransferError`."""
        await self._ask(Frame("write", {"branch": branch, "path": path, "start": start}, [data]), "written")

    def read(self, branch: int, path: str, *, most: int) -> Pieces:
        """Piece by piece. Raises `TransferError`, also for a file of more than `most` bytes."""

        async def read_at(offset: int) -> tuple[int, Blob]:
            frame, _ = await self._ask(Frame("read", {"branch": branch, "path": path, "offset": offset}), "chunk")
            return frame.body["size"], frame.blobs[0]

        return pieces(read_at, path, most)

    async def files(self, branch: int, *, hidden: bool = False) -> list[FileInfo]:
        frame, _ = await self._ask(Frame("list", {"branch": branch, "hidden": hidden}), "listed")
        return [FileInfo(path=path, size=size, modified=modified) for path, size, modified in frame.body["files"]]

    async def _ask(self, frame: Frame, answer: str, fds: Sequence[int] = ()) -> tuple[Frame, list[int]]:
        try:
            return await self._wire.ask(frame, fds=fds, answer=answer)
        except RefusalError as refusal:
            raise TransferError(str(refusal)) from None


async def _greet(worker: Worker, specs: Sequence[ToolSpec]) -> Any:
    try:
        with anyio.fail_after(_START):
            await worker.wire.send(_start(specs))
            frame = await worker.wire.receive()
    except (WireClosedError, TimeoutError) as error:
        raise SandboxError(f"the interpreter could not be started: {error}") from None
    if frame.kind != "ready":
        raise SandboxError(f"the interpreter could not be started: {frame.body.get('reason')}")
    return frame.body.get("layers")


def _start(specs: Sequence[ToolSpec]) -> Frame:
    return Frame("start", {"tools": [{"name": s.name, "signature": s.signature, "doc": s.doc} for s in specs]})
