"""A room: a chat that is awake, with its open conversation, its session, and the run going on."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import anyio

from codeact.agent.conversation import check_message
from codeact.errors import ConflictError, NotFoundError, UsageError
from codeact.sandbox.base import FileInfo, Variable
from codeact.server.course import Course
from codeact.server.forking import fork
from codeact.server.given import given_again, keep_given
from codeact.server.nouns import Chat, Run, Settings, StateKept
from codeact.server.oversight import Oversight, changes
from codeact.server.recording import Narrator
from codeact.server.shared import Shared
from codeact.server.wire import Wire
from codeact.server.workspace import files_of, remove_from
from codeact.types import JSON, ExecResult

_LOOK = 5.0  # seconds to wait for a moment between two actions, to look at variables
_LONGEST_TITLE = 200  # characters
_CELL = "a cell is running"
_RESTARTED = "[The user has restarted Python: variables and imports are lost, files are kept.]"


class Keeper(Protocol):
    """Who wakes rooms: the house."""

    async def wake(self, room: Room) -> None:
        """Take the chat's lease and give the room its course. Raises as `House.room`."""
        ...

    def left(self, room: Room) -> None:
        """It has gone to sleep."""
        ...


class Room:
    """`House.room` gives it. Where it has gone to sleep since, it is woken by what is done with it."""

    def __init__(self, chat: Chat, shared: Shared, keeper: Keeper) -> None:
        self.shared = shared
        self.telling = shared.telling(chat.id)
        self.oversight = Oversight(shared, self.telling, chat)
        self.course: Course | None = None  # None: asleep
        self.woken: StateKept | None = None  # what was left when it was last woken, until `/execute` says so
        self.used_at = time.monotonic()
        self._keeper = keeper
        self._doing = ""  # what the chat is not to be disturbed in, in words
        self._turn = anyio.Lock()

    @property
    def chat(self) -> Chat:
        """As it is now."""
        return self.oversight.chat

    @property
    def running(self) -> Run | None:
        """The run going on, as far as it is."""
        return self.course.going.recording.run if self.course and self.course.going else None

    @property
    def given(self) -> Sequence[str]:
        """Files that were put since the last run, by path: the next message tells of them."""
        return [note["path"] for note in self.course.given] if self.course else []

    @property
    def busy(self) -> bool:
        """Whether something goes on that sleep would interrupt."""
        return self.running is not None or bool(self._doing)

    # --- messages ---

    async def send(self, text: str, *, files: Sequence[tuple[str, bytes]] = ()) -> Run:
        """Begin a run after `head`; returns at once. `files` are put into the workspace first; those that were `put`
        since the last run go with it too.

        Raises:
            UsageError: an empty or over-long message, or a file that has no name.
            ConflictError: a run, or something else, is going on in this chat.
            QuotaError: the user has too much going on, or used too much.
            StoreError, SandboxError: the machinery failed; nothing has begun.
        """
        check_message(text)
        async with self._alone("a message is being sent") as course:
            return await course.begin(text, await keep_given(self.shared, self.chat, files))

    async def stop(self) -> None:
        """End the run going on as `cancelled`; variables stay. A cell of the user's is interrupted."""
        if self.course is None:
            return
        if (going := self.course.going) is not None:
            going.scope.cancel()
            await going.ended.wait()
        elif self.course.session is not None:
            await self.course.session.interrupt()

    async def wait(self) -> Run | None:
        """Until nothing is running; the run that was."""
        course = self.course
        while course is not None and course.going is not None:
            await course.going.ended.wait()
        return course.ended if course else None

    async def decide(self, question: str, yes: bool, *, reason: str = "") -> None:
        """Settle an approval. Raises `NotFoundError` where it is not open (any more)."""
        self.oversight.asking.decide(question, yes, reason)
        await self.oversight.note("approve" if yes else "refuse", question=question, reason=reason)

    async def reply(self, question: str, text: str | None) -> None:
        """Answer `input()` of the code; None: nobody answers. Raises `NotFoundError` as `decide` does."""
        self.oversight.asking.reply(question, text)
        await self.oversight.note("reply", question=question)

    # --- the tree ---

    async def move_to(self, run: str | None) -> StateKept:
        """Put `head` there, with the interpreter's state as it was after that run; None: before the first.

        Raises:
            NotFoundError: there is no such run.
            ConflictError: something is going on in this chat.
        """
        async with self._alone("the chat is being moved to another run") as course:
            await self.oversight.note("move", to=run)
            return await course.move(run)

    async def undo(self) -> StateKept:
        """`move_to` the run before `head`. Raises `UsageError` where there is none."""
        async with self._alone("the last run is being undone") as course:
            if self.chat.head is None:
                raise UsageError("there is nothing to undo")
            before = (await self._run(self.chat.head)).parent
            await self.oversight.note("move", to=before)
            return await course.move(before)

    async def retry(self, run: str) -> Run:
        """The same message once more, from the state before that run. Raises as `send` and `move_to` do."""
        return await self._sibling(run, None)

    async def edit(self, run: str, text: str) -> Run:
        """Another message in the place of a run's, from the state before it. Raises as `send` and `move_to` do."""
        check_message(text)
        return await self._sibling(run, text)

    async def fork(self, *, title: str = "") -> Chat:
        """A chat of its own with this one's runs up to `head`, and the interpreter's state as far as it can be saved.

        Raises:
            ConflictError: something is going on in this chat.
            QuotaError: the user has too many chats, or no room left for all of it.
            StoreError, SandboxError: the machinery failed; there is no new chat.
        """
        async with self._alone("the chat is being copied") as course:
            copy = await fork(course, title)
            await self.oversight.note("fork", copy=copy.id)
            return copy

    async def change(self, *, title: str | None = None, settings: Settings | None = None) -> Chat:
        """Rename the chat, or let it go on with other settings.

        Raises:
            UsageError: something is not offered here.
            ConflictError: something is going on, so that settings cannot change.
        """
        if title is not None:
            await self._rename(title)
        if settings is not None and settings != self.chat.settings:
            self.shared.settings.check(settings)
            async with self._alone("settings are being changed") as course:
                await self.oversight.note("settings", **changes(self.chat.settings, settings))
                await course.furnish(settings)
        self.telling.tell(None, {"kind": "chat_changed", "chat": Wire().plain(self.chat)})
        return self.chat

    # --- the session ---

    async def files(self) -> Sequence[FileInfo]:
        async with self._beside() as course:
            return await files_of(course.living.conversation.session)

    async def put(self, path: str, data: bytes | Path) -> None:
        """Write a file of the workspace. Raises `TransferError` as `Session.put`, `QuotaError` for a large one."""
        noted = await self._kept(path, data)
        async with self._beside() as course:
            await self.oversight.note_by_hand()
            await course.living.conversation.session.put(path, data)
            course.given.append(noted)

    async def _kept(self, path: str, data: bytes | Path) -> JSON:
        """Keep a file in the store, which takes it whole: its bytes are let go again before the session gets it."""
        content = data if isinstance(data, bytes) else await anyio.Path(data).read_bytes()
        return (await keep_given(self.shared, self.chat, [(path, content)]))[0].noted

    async def get(self, path: str) -> bytes:
        """Raises `TransferError` as `Session.get`."""
        async with self._beside() as course:
            return await course.living.conversation.session.get(path)

    async def fetch(self, path: str, to: Path) -> None:
        """Write a file of the workspace to a place of the host's. Raises `TransferError` as `Session.get`."""
        async with self._beside() as course:
            await course.living.conversation.session.get(path, to=to)

    async def remove(self, path: str) -> None:
        """Raises `NotFoundError`, `TransferError` as `remove_from`."""
        async with self._alone("a file is being removed", takes_room=False) as course:
            await remove_from(course.living.conversation.session, path)
            course.given = [note for note in course.given if note["path"] != path]
            await self.oversight.note("remove", path=path)

    async def variables(self) -> Sequence[Variable]:
        """Raises `ConflictError` where an action goes on for so long that nobody can look."""
        async with self._beside() as course:
            with anyio.move_on_after(_LOOK):
                return await course.living.conversation.session.variables()
            raise ConflictError("an action is running; its variables can be seen when it has ended")

    async def run_code(self, code: str, *, time_limit: float = 60.0) -> ExecResult:
        """Run a cell of the user's own. Its events belong to no run.

        Raises:
            UsageError: the chat runs no code.
            ConflictError: something is going on in this chat.
            QuotaError: the user has used too much.
            SandboxError: the machinery failed.
        """
        limit = min(time_limit, self.shared.settings.action_time)
        async with self._alone(_CELL) as course:
            await self.oversight.before()
            await self.oversight.note("cell", code=code[:2000])
            await self.oversight.note_by_hand()
            emit = Narrator(self.telling, None)
            return await course.living.conversation.run_code(code, time_limit=limit, emit=emit)

    async def reset(self) -> None:
        """A fresh interpreter; the files stay. Raises `ConflictError` where something is going on."""
        async with self._alone("the interpreter is being restarted") as course:
            await course.living.conversation.session.reset()
            course.living.conversation.notice = _RESTARTED
            await self.oversight.note("reset")
            self.telling.tell(None, {"kind": "reset"})

    # --- waking, sleeping, and turns ---

    async def awaken(self) -> None:
        """Raises `ConflictError`, `QuotaError`, `StoreError`, `SandboxError` where it cannot be woken."""
        self.used_at = time.monotonic()
        if self.course is None:
            async with self._turn:
                await self._awake()

    async def sleep(self) -> None:
        """Save variables and files, and let go of the session. Raises `ConflictError` where something is going on."""
        self._check_free()
        async with self._turn:
            self._check_free()
            await self.close(save=True)

    async def shut(self) -> None:
        """Stop what goes on, and sleep."""
        await self.stop()
        async with self._turn:
            await self.close(save=True)

    async def close(self, *, save: bool) -> None:
        """The end of the room's session, whatever goes on in it."""
        if (course := self.course) is None:
            return
        if save:
            await course.fall_asleep()
        self.course = None
        self.telling.rest()
        with anyio.CancelScope(shield=True):  # whoever asked for it may have left
            await course.living.close()
            self._keeper.left(self)
            await self.shared.store.let_go(self.chat.id, self.shared.replica)

    @asynccontextmanager
    async def _alone(self, doing: str, *, takes_room: bool = True) -> AsyncGenerator[Course]:
        """The chat, awake, with nothing else going on in it.

        Raises:
            ConflictError: something is.
            QuotaError: the user has no room left, or no processor time.
        """
        self._check_free()
        async with self._turn:
            self._check_free()
            self._doing = doing
            try:
                if takes_room:  # even moving is told in the log
                    await self.shared.admit(self.chat.owner)
                yield await self._awake()
            finally:
                self._doing, self.used_at = "", time.monotonic()

    @asynccontextmanager
    async def _beside(self) -> AsyncGenerator[Course]:
        """The chat, awake; a run may be going on."""
        self.used_at = time.monotonic()
        if self.course is not None and (self.course.going is not None or self._doing == _CELL):
            yield self.course
            return
        async with self._turn:
            yield await self._awake()

    def _check_free(self) -> None:
        if self.running is not None:
            raise ConflictError("a run is going on in this chat; stop it, or wait until it has ended")
        if self._doing:
            raise ConflictError(f"{self._doing}; wait until that is done")

    async def _awake(self) -> Course:
        if self.course is None:
            await self._keeper.wake(self)
        if self.course is None:
            raise RuntimeError("a room was woken and is asleep")
        return self.course

    async def _run(self, id: str) -> Run:
        if (found := await self.shared.store.run(self.chat.id, id)) is None:
            raise NotFoundError(f"this chat has no run {id!r}")
        return found

    async def _sibling(self, run: str, text: str | None) -> Run:
        async with self._alone("a run is being begun again") as course:
            first = await self._run(run)
            files = await given_again(self.shared, self.chat.id, first.trajectory)
            runs = await self.shared.store.runs(self.chat.id, trajectories=False)
            await self.oversight.note("retry" if text is None else "edit", run=run)
            siblings = [other for other in runs if other.parent == first.parent]
            await course.move(first.parent)
            return await course.begin(first.text if text is None else text, files, seed=len(siblings))

    async def _rename(self, title: str) -> None:
        named = title.strip()[:_LONGEST_TITLE]
        await self.oversight.note("rename", title=named)
        await self.oversight.change(lambda chat: replace(chat, title=named))
