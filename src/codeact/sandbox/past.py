"""The states that a session can return to: copies of its interpreter, which sleep, and of its files.

A copy is a fork of the worker that waits for a command on a socket of its own; it shares all memory that neither has
written since. Closing the socket ends it.
"""

from __future__ import annotations

import contextlib
import select
import socket
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import anyio

from codeact.errors import SandboxError, UnsupportedError, UsageError
from codeact.sandbox.base import Checkpoint, Checkpoints, Every
from codeact.sandbox.box.frames import Frame
from codeact.sandbox.control import Control
from codeact.sandbox.wire import Wire, WireClosedError
from codeact.sandbox.worker import Worker

_FORK = 15.0  # seconds for a worker to copy itself; an agent's own fork hooks run then
_WAKE = 3.0  # seconds for a copy to answer that it is awake
_MOST = 32  # checkpoints of one session; the oldest gives way
_MOST_COMING = 2  # standbys that are waited for; a worker that never answers has no more
_MAX_NOTES, _MAX_NOTE = 10, 500  # what a worker may say of what its copy lacks


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A sleeping copy of an interpreter."""

    wire: Wire
    pid: int  # as it says itself
    after: int  # number of the last action whose effects it has
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    copy: Copy
    files: int  # number of the copy of the files


@dataclass(frozen=True, slots=True)
class _Coming:
    wire: Wire
    after: int

    @property
    def answered(self) -> bool:
        poll = select.poll()
        poll.register(self.wire.fileno(), select.POLLIN)
        return bool(poll.poll(0))


class Past:
    def __init__(self, control: Control, branch: int, policy: Checkpoints) -> None:
        self._control = control
        self._branch = branch
        self._policy = policy
        self._standby: Copy | None = None
        self._coming = deque[_Coming]()  # standbys that were asked for and have not answered yet, oldest first
        self._kept = dict[str, _Kept]()  # oldest first
        self._current = ""  # the checkpoint that was made or returned to last
        self._made = 0

    @property
    def pids(self) -> frozenset[int]:
        """The processes behind checkpoints."""
        return frozenset(kept.copy.pid for kept in self._kept.values())

    @property
    def checkpoints(self) -> list[Checkpoint]:
        return [Checkpoint(id, after=kept.copy.after, notes=kept.copy.notes) for id, kept in self._kept.items()]

    async def follow(self, worker: Worker, after: int) -> None:
        """An action has ended: keep what the policy says. Does not wait for a standby, so that it costs the worker's
        idle time and not the caller's.
        """
        match self._policy:
            case "none":
                return
            case Every(n=n, keep=most):
                if after % n == 0:
                    with contextlib.suppress(UnsupportedError, SandboxError):  # none this time; the one before stays
                        await self.add(worker, after, most)
            case _:
                await self._settle(wait=0)
                # Dead, or a worker that does not listen: the next action will say so.
                with contextlib.suppress(WireClosedError, TimeoutError), anyio.fail_after(_WAKE):
                    self._coming.append(_Coming(await _ask_for_copy(worker.wire), after))
                while len(self._coming) > _MOST_COMING:
                    self._coming.popleft().wire.close()

    async def newest(self) -> Copy | None:
        """The state to go on from when the interpreter has died, if there is one; the caller owns it."""
        if isinstance(self._policy, Every):
            return await self._newest_checkpoint()
        await self._settle(wait=_WAKE)
        standby, self._standby = self._standby, None
        return standby

    async def _newest_checkpoint(self) -> Copy | None:
        others = [kept for id, kept in reversed(self._kept.items()) if id != self._current]
        current = [self._kept[self._current]] if self._current in self._kept else []
        with anyio.move_on_after(_FORK):  # an agent's code may have stopped them all
            for kept in [*current, *others]:
                with contextlib.suppress(UnsupportedError, SandboxError):  # it has ended this one
                    return await copy_of(kept.copy.wire, kept.copy.after, patience=_WAKE)
        return None

    async def add(self, worker: Worker, after: int, most: int = _MOST) -> Checkpoint:
        """Raises `UnsupportedError` for a state that can't be copied; `TransferError` when there is no room."""
        copy = await copy_of(worker.wire, after, noted=True)
        try:
            files, left_out = await self._control.keep(self._branch)
        except BaseException:
            copy.wire.close()
            raise
        if left_out:
            note = f"files that are no plain files are not part of it: {', '.join(left_out)}"
            copy = Copy(wire=copy.wire, pid=copy.pid, after=after, notes=(*copy.notes, note[:_MAX_NOTE]))
        self._made += 1
        id = self._current = str(self._made)
        self._kept[id] = _Kept(copy=copy, files=files)
        while len(self._kept) > most:
            await self._drop(next(iter(self._kept)))
        return Checkpoint(id, after=after, notes=copy.notes)

    async def at(self, checkpoint: Checkpoint) -> tuple[Copy, int]:
        """Another copy of a checkpoint, which the caller owns, and the number of its files.

        Raises:
            UsageError: this session has no such checkpoint any more.
            SandboxError: an agent's code has ended it.
        """
        kept = self._kept.get(checkpoint.id)
        if kept is None:
            there = ", ".join(self._kept) or "none"
            raise UsageError(f"this session has no checkpoint {checkpoint.id!r} (any more); there are: {there}")
        self._current = checkpoint.id
        return await copy_of(kept.copy.wire, kept.copy.after), kept.files

    async def forget(self, checkpoint: Checkpoint) -> None:
        if checkpoint.id in self._kept:
            await self._drop(checkpoint.id)

    async def drop_all(self) -> None:
        """Also the copies of files, for a branch whose session goes on."""
        for id in list(self._kept):
            await self._drop(id)

    def close(self) -> None:
        for copy in [kept.copy for kept in self._kept.values()]:
            copy.wire.close()
        self._kept.clear()
        self.forget_standby()

    def forget_standby(self) -> None:
        """It is no longer the state of just before."""
        if self._standby is not None:
            self._standby.wire.close()
        self._standby = None
        while self._coming:
            self._coming.popleft().wire.close()

    async def _settle(self, wait: float) -> None:
        """Take the newest standby that answers within so many seconds. Without waiting, one that has not answered yet
        may do so later: it was made before the action that has ended, and was only slow to say so.
        """
        until = time.monotonic() + wait
        for coming in reversed(tuple(self._coming)):
            if not wait and not coming.answered:
                continue
            self._coming.remove(coming)
            with contextlib.suppress(UnsupportedError, SandboxError):  # an older one may do
                copy = await _answer(coming.wire, coming.after, max(0.0, until - time.monotonic()))
                if self._standby is not None:
                    self._standby.wire.close()
                self._standby = copy
                while self._coming and self._coming[0].after < coming.after:
                    self._coming.popleft().wire.close()
                return

    async def _drop(self, id: str) -> None:
        kept = self._kept.pop(id)
        kept.copy.wire.close()
        await self._control.drop(kept.files)


async def copy_of(
    wire: Wire, after: int, fds: Sequence[int] = (), *, patience: float = _FORK, noted: bool = False
) -> Copy:
    """Have the worker at the other end copy itself. `fds`: of the copy's output and root, when they are others.
    `patience`: seconds. `noted`: say what the copy lacks.

    Raises:
        UnsupportedError: it is in a state that can't be copied, which is named.
        SandboxError: it does not answer.
    """
    try:
        with anyio.fail_after(patience):
            ours = await _ask_for_copy(wire, fds, noted=noted)
    except (WireClosedError, TimeoutError) as error:
        raise SandboxError(f"the interpreter could not be copied: {error or 'it does not listen'}") from None
    return await _answer(ours, after, patience)


async def wake(control: Control, copy: Copy) -> Worker:
    """Make a copy the worker that is talked to. Raises `SandboxError` when it is not there."""
    try:
        worker = await control.adopt(copy.wire, copy.pid)
    except BaseException:
        copy.wire.close()
        raise
    try:
        with anyio.fail_after(_WAKE):
            await worker.wire.send(Frame("wake"))
            answer = await worker.wire.receive()
        if answer.kind != "awake":
            raise SandboxError("the copy of the interpreter does not answer as it should")
    except (WireClosedError, TimeoutError) as error:
        worker.close()
        raise SandboxError(f"the copy of the interpreter does not answer: {error}") from None
    return worker


async def _ask_for_copy(wire: Wire, fds: Sequence[int] = (), *, noted: bool = False) -> Wire:
    ours, theirs = socket.socketpair()
    try:
        await wire.send(Frame("fork", {"fds": 1 + len(fds), "noted": noted}), fds=[theirs.fileno(), *fds])
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    return Wire(ours)


async def _answer(wire: Wire, after: int, wait: float) -> Copy:
    try:
        with anyio.fail_after(wait):
            frame = wire.receive_nowait() or await wire.receive()
        match frame.kind, frame.body:
            case "forked", {"pid": int(pid), "notes": [*notes]}:
                said = tuple(str(note)[:_MAX_NOTE] for note in notes[:_MAX_NOTES])
                return Copy(wire=wire, pid=pid, after=after, notes=said)
            case "unforked", {"reason": str(reason)}:
                raise UnsupportedError(f"this state of the interpreter cannot be copied: {reason[:_MAX_NOTE]}")
            case _:
                raise SandboxError("the interpreter was asked for a copy and said something else")
    except (WireClosedError, TimeoutError) as error:
        wire.close()
        raise SandboxError(f"the interpreter did not copy itself: {error or 'no answer in time'}") from None
    except BaseException:
        wire.close()
        raise
