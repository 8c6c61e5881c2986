"""The open conversation of a room, and the ways back to the state that its interpreter had after a run.

Of these the best that can be had is taken, and its name is what people are told (`StateKept`): a checkpoint; what was
saved when the chat went to sleep; the recorded code once more, from the nearest of the two, or from the beginning, with
recorded answers of tools and people. Code runs again only where it can reach nothing but its box (`network="none"`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import anyio
from anyio.abc import TaskGroup

from codeact.agent import Agent, Conversation
from codeact.agent.replay import RecordedTools, run_again
from codeact.errors import SandboxError, TransferError, UnsupportedError, UsageError
from codeact.sandbox.base import Checkpoint, Session
from codeact.server import sleeping, tree
from codeact.server.given import given_to
from codeact.server.holding import Held, hold_open
from codeact.server.nouns import Run, SavedSession, StateKept
from codeact.trajectory import compare
from codeact.types import Trajectory

Load = Callable[[], Awaitable[SavedSession | None]]
Fetch = Callable[[str], Awaitable[bytes | None]]  # the bytes of a file that a run was given, by their sha256


NOWHERE = "nowhere"  # no run's id: the session is at no run's state, because it has ended

_NOTICES: Mapping[StateKept, str] = {
    "kept": "",
    "saved": "Since your last turn Python was restarted. Your variables and files were saved before and are back",
    "files": "Since your last turn Python was restarted: variables and imports are lost, files are kept",
    "replayed": "Since your last turn Python was restarted and your code was run again, so variables are back",
    "lost": "Since your last turn Python was restarted: variables, imports and the files you made are lost",
}
_BY_HAND = {"what the user did beside the messages": "cells of the user's own are not run again"}
_MOST_NAMED = 20
_NAMED = 40  # characters of a message, where it stands for its run


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What became of an interpreter on its way to the state after some run."""

    state: StateKept
    skipped: Mapping[str, str] = field(default_factory=dict[str, str])  # what is missing: name to reason


@dataclass(slots=True, kw_only=True)
class Living:
    agent: Agent
    tasks: TaskGroup
    fetch: Fetch
    charge: Callable[[Session | None], None]  # enters the processor time of a session before it ends
    by_hand: Callable[[], bool]  # whether the runs are not all that was done
    most: int  # checkpoints
    replay_time: float  # seconds
    stands: str | None = None  # after which run the session is now
    past: dict[str | None, Checkpoint] = field(default_factory=dict[str | None, Checkpoint])  # by run; oldest first
    _held: Held[Conversation] | None = None

    @property
    def conversation(self) -> Conversation:
        if self._held is None:
            raise RuntimeError("a conversation is used that is not open")
        return self._held.value

    @property
    def session(self) -> Session | None:
        return self.conversation.setup.session if self._held else None

    async def open(self) -> None:
        """A fresh session, in the place of the one before. Raises as `Agent.open` does."""
        await self.close()
        self._held = await hold_open(self.agent.open(), self.tasks)
        self.conversation.marked = False  # the states that it returns to are kept here

    async def close(self) -> None:
        self.charge(self.session)
        held, self._held = self._held, None
        self.past.clear()
        if held is not None:
            await held.close()

    # --- checkpoints ---

    async def keep(self, after: str | None) -> None:
        """Keep the state as it is now as the one after this run, if it can be kept."""
        session = self.session
        if session is None or "checkpoint" not in session.capabilities:
            return
        await self._forget(after)
        while True:
            try:
                self.past[after] = await session.checkpoint()
                break
            except TransferError:  # no room for another copy of the files
                if not self.past:
                    return
                await self._forget(next(iter(self.past)))
            except (UnsupportedError, SandboxError):  # running threads, say
                return
        while len(self.past) > self.most:
            await self._forget(next(iter(self.past)))

    async def _forget(self, after: str | None) -> None:
        if (checkpoint := self.past.pop(after, None)) is not None and self.session is not None:
            with suppress(SandboxError):  # it has ended
                await self.session.forget(checkpoint)

    # --- going back ---

    async def go_to(self, path: Sequence[Run], load: Load) -> Restored:
        """Bring the session to the state after the last run of a path. `load` reads what was saved, if it is needed.

        Raises:
            SandboxError: not even a fresh session can be had.
        """
        self.stands = NOWHERE  # until it has arrived
        found = await self._return_to(path) or await self._arrive(path, await load())
        self.stands = path[-1].id if path else None
        self.conversation.notice = notice_of(found) if any(map(tree.acts, path)) else ""
        return found

    async def _return_to(self, path: Sequence[Run]) -> Restored | None:
        """Where no more is needed than what is here."""
        if self.agent.actions == "code":
            return await self._by_checkpoint(path[-1].id if path else None)
        if self._held is None:
            await self.open()
        return Restored(state="kept")  # there is no interpreter

    async def _by_checkpoint(self, after: str | None) -> Restored | None:
        if (checkpoint := self.past.get(after)) is not None and self.session is not None:
            try:
                await self.session.restore(checkpoint)
                return Restored(state="kept")
            except (UsageError, SandboxError):  # an agent's code has ended it
                self.past.pop(after, None)
        return None

    async def _arrive(self, path: Sequence[Run], saved: SavedSession | None) -> Restored:
        for length in range(len(path), -1, -1):
            base, rest = path[length - 1].id if length else None, path[length:]
            if not self._may_run(rest):
                break
            found = await self._base(base, saved)
            differ = await self._again(rest) if found is not None else None
            if found is not None and differ is not None:
                skipped = {**found.skipped, **differ, **(_BY_HAND if rest and self.by_hand() else {})}
                if any(map(tree.acts, rest)):
                    return Restored(state="replayed", skipped=skipped)
                if found.state != "lost":
                    return replace(found, skipped=skipped)
        return await self._last_resort(path, saved)

    async def _base(self, base: str | None, saved: SavedSession | None) -> Restored | None:
        """The state after one run, where it is kept as such."""
        if (found := await self._by_checkpoint(base)) is not None:
            return found
        if saved is not None and saved.state is not None and saved.head == base:
            await self.open()
            with suppress(SandboxError):  # what it holds ends the interpreter, say
                failed = await sleeping.load(self.conversation.session, saved)
                return Restored(state="saved", skipped={**saved.skipped, **failed})
        if base is None:
            await self.open()
            return Restored(state="lost" if self.by_hand() else "kept")
        return None

    def _may_run(self, rest: Sequence[Run]) -> bool:
        if not any(map(tree.acts, rest)):
            return True
        return self.agent.network == "none" and sum(map(tree.action_time, rest)) <= self.replay_time

    async def _again(self, rest: Sequence[Run]) -> Mapping[str, str] | None:
        """Run the code of these runs once more. What came out differently; None: it did not come to its end."""
        differ = dict[str, str]()
        with anyio.move_on_after(2 * self.replay_time):
            try:
                for run in rest:
                    await self._give(run)
                    if run.trajectory is not None:
                        differ |= await self._replay(run.trajectory)
                return differ
            except SandboxError:
                return None
        return None

    async def _replay(self, trajectory: Trajectory) -> Mapping[str, str]:
        setup, session = self.conversation.setup, self.conversation.session
        tools = RecordedTools([spec.name for spec in setup.tools.specs])
        with setup.relay.through(tools):
            results = await run_again(trajectory, session, tools)
        found = compare(trajectory, results)
        return {f"the same result of step {one.step} of {trajectory.task[:_NAMED]!r}": one.what for one in found}

    async def _give(self, run: Run) -> None:
        """Put the files into the workspace that the user has given with a run or before it."""
        for name, digest in given_to(run.trajectory).items():
            data = await self.fetch(digest)
            if data is not None:
                with suppress(TransferError):  # the code of an earlier run left no room
                    await self.conversation.session.put(name, data)

    async def _last_resort(self, path: Sequence[Run], saved: SavedSession | None) -> Restored:
        """A fresh interpreter with what files there are: those that were saved, else those the user has given."""
        await self.open()
        if saved is not None and saved.head == (path[-1].id if path else None):
            with suppress(SandboxError):
                failed = await sleeping.load(self.conversation.session, replace(saved, state=None))
                return Restored(state="files", skipped={**saved.skipped, **failed})
        with suppress(SandboxError):
            for run in path:
                await self._give(run)
        return Restored(state="lost")


def notice_of(found: Restored) -> str:
    """What the model has to know before its next turn."""
    if not (text := _NOTICES[found.state]):
        return ""
    names = [*found.skipped][:_MOST_NAMED]
    return f"[{text}{', but not: ' + ', '.join(names) if names else ''}.]"
