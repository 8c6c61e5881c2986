"""What one MCP client has: a session, its branches by name, and the way back from the last actions."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import anyio

from codeact.errors import QuotaError, SandboxError, TransferError, UnsupportedError, UsageError
from codeact.events import Emit
from codeact.sandbox.base import Checkpoint, MiB, Session
from codeact.types import BoxInfo, ExecResult

MAIN = "main"
MOST_BRANCHES = 8
_MOST_MARKS = 4  # actions of a branch that can be taken back
_MOST_COPIED = 64 * MiB  # of files; copying more before every action would be felt

Mark = Checkpoint | str  # the state before an action, or why there is none


@dataclass(slots=True)
class Place:
    """The session itself, or a branch of it."""

    session: Session
    leave: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)
    turn: anyio.Lock = field(default_factory=anyio.Lock)  # a mark and its action belong together
    marks: list[Mark] = field(default_factory=list["Mark"])  # oldest first

    async def mark(self) -> None:
        """Keep the state as it is before an action, if that can be done; then the oldest mark goes."""
        self.marks.append(await self._kept())
        if len(self.marks) > _MOST_MARKS:
            await self._forget(self.marks.pop(0))

    async def go_back(self) -> None:
        """Return to the state before the last action.

        Raises:
            UsageError: there is no earlier state.
            UnsupportedError: that state could not be kept; says why.
            SandboxError: the agent's code has ended it.
        """
        if not self.marks:
            raise UsageError(f"there is nothing to undo; the last {_MOST_MARKS} actions can be taken back")
        match self.marks.pop():
            case str(reason):
                raise UnsupportedError(f"the last action cannot be taken back: {reason}")
            case checkpoint:
                await self.session.restore(checkpoint)
                await self._forget(checkpoint)

    async def _kept(self) -> Mark:
        if "checkpoint" not in self.session.capabilities:
            return "this sandbox keeps no checkpoints"
        try:
            if (size := sum(file.size for file in await self.session.files())) > _MOST_COPIED:
                return f"the files, {size:,} bytes, were too many to be copied before each action"
            return await self._checkpoint()
        except (UnsupportedError, SandboxError) as problem:  # the action itself says what is wrong with its session
            return str(problem)

    async def _checkpoint(self) -> Checkpoint:
        try:
            return await self.session.checkpoint()
        except TransferError:  # no room: the older ones give theirs
            while self.marks:
                await self._forget(self.marks.pop())
            return await self.session.checkpoint()

    async def _forget(self, mark: Mark) -> None:
        if isinstance(mark, Checkpoint):
            with contextlib.suppress(SandboxError):  # it is gone
                await self.session.forget(mark)


class Desk:
    """The session of one client, and its branches. They share limits and network, and are not protected from each
    other: they are one client's.
    """

    def __init__(self, session: Session) -> None:
        self._places = {MAIN: Place(session)}
        self._forking = anyio.Lock()

    @property
    def info(self) -> BoxInfo:
        return self._places[MAIN].session.info

    @property
    def branches(self) -> Sequence[str]:
        return list(self._places)

    def session(self, branch: str = MAIN) -> Session:
        """Raises `UsageError`: there is no such branch."""
        return self._at(branch).session

    async def run(self, code: str, *, branch: str, time_limit: float, emit: Emit) -> ExecResult:
        """Run one action on a branch; one after the other where several are asked for. Cancelling it stops the action
        and keeps the state.

        Raises:
            UsageError: there is no such branch.
            SandboxError: the machinery failed.
        """
        place = self._at(branch)
        async with place.turn:
            await place.mark()
            return await place.session.run(code, time_limit=time_limit, emit=emit)

    async def reset(self, branch: str) -> None:
        """A fresh interpreter; files stay, and `undo` takes it back.

        Raises:
            UsageError: there is no such branch.
            SandboxError: the machinery failed.
        """
        place = self._at(branch)
        async with place.turn:
            await place.mark()
            await place.session.reset()

    async def undo(self, branch: str) -> None:
        """Variables and files as they were before the last action.

        Raises:
            UsageError: there is no such branch, or no earlier state.
            UnsupportedError: the earlier state could not be kept; says why.
            SandboxError: it is gone, or the machinery failed.
        """
        place = self._at(branch)
        async with place.turn:
            await place.go_back()

    async def fork(self, name: str, branch: str) -> None:
        """A new branch with the variables and files that `branch` has now.

        Raises:
            UsageError: there is no such branch, or the new one's name is taken.
            QuotaError: there are too many.
            UnsupportedError: this sandbox, or this state, cannot be two at once.
            SandboxError: the machinery failed.
        """
        place = self._at(branch)
        async with self._forking, place.turn:
            if name in self._places:
                raise UsageError(f"there is a branch {name!r} already; take another name, or drop that one")
            if len(self._places) > MOST_BRANCHES:
                raise QuotaError(f"there are {MOST_BRANCHES} branches, which is the most; drop one first")
            leave = contextlib.AsyncExitStack()
            self._places[name] = Place(await leave.enter_async_context(await place.session.fork()), leave)

    async def drop(self, branch: str) -> None:
        """End a branch.

        Raises:
            UsageError: there is no such branch, or it is the main one.
        """
        if branch == MAIN:
            raise UsageError(f"the branch {MAIN!r} stays; `reset` gives it a fresh interpreter")
        place = self._at(branch)
        async with place.turn:
            if self._places.pop(branch, None) is place:
                await place.leave.aclose()

    def _at(self, branch: str) -> Place:
        try:
            return self._places[branch]
        except KeyError:
            there = ", ".join(self._places)
            raise UsageError(f"there is no branch {branch!r}; there are: {there}. `fork` makes one") from None
