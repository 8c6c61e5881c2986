"""The house: all rooms of one process, what they share, and what is due in them from time to time."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from secrets import token_urlsafe
from uuid import uuid4
from weakref import WeakValueDictionary

import anyio

from codeact.agent import Agent, Approve
from codeact.errors import ConflictError, NotFoundError, QuotaError, StoreError, UsageError
from codeact.sandbox.asking import Ask
from codeact.sandbox.beside import beside
from codeact.sandbox.local import LocalSandbox
from codeact.server.course import Course, end_interrupted, living_of
from codeact.server.enduring import enduring
from codeact.server.ledger import Ledger
from codeact.server.nouns import Chat, Settings, Share, Told
from codeact.server.replica import has_ended, replica_name, uptime
from codeact.server.room import Room
from codeact.server.scratch import scratch
from codeact.server.settings import HouseSettings
from codeact.server.shared import AGAIN, Shared
from codeact.server.store.base import Store

_ELSEWHERE = "this chat is awake in another process of the service"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How much there is of everything in a house, for metrics and health."""

    awake: int = 0  # rooms
    running: int = 0  # runs going on
    asked: int = 0  # approvals and questions that wait for a person
    listeners: int = 0
    woken: int = 0  # since the house was opened, also those below
    slept: int = 0
    interrupted: int = 0  # runs that the end of their process had interrupted, as far as nobody woke their chat before
    draining: bool = False


class House:
    """`async with House.open(store) as house: room = await house.room(chat.id, owner=…)`."""

    def __init__(self, shared: Shared) -> None:
        self.shared = shared
        self._rooms = WeakValueDictionary[str, Room]()  # also those asleep, while somebody holds them
        self._awake = dict[str, Room]()
        self._waking = anyio.Lock()
        self._counted = Counts()

    @classmethod
    @asynccontextmanager
    async def open(cls, store: Store, settings: HouseSettings | None = None) -> AsyncGenerator[House]:
        """Open the sandbox, mark what a crash has interrupted, and see to the rooms until the end of the block, when
        all of them go to sleep.

        Raises:
            SetupError, SandboxError: this machine cannot run code as it is asked to.
            StoreError: the database cannot be used.
        """
        settings = settings or HouseSettings()
        async with AsyncExitStack() as stack:
            folder = await stack.enter_async_context(scratch())
            sandbox = settings.sandbox or await stack.enter_async_context(LocalSandbox())
            tasks = await stack.enter_async_context(beside())
            replica, ledger = settings.replica or replica_name(), Ledger(settings.quotas)
            house = cls(
                Shared(
                    store=store,
                    settings=settings,
                    replica=replica,
                    tasks=tasks,
                    sandbox=sandbox,
                    ledger=ledger,
                    folder=folder,
                )
            )
            await house.recover()
            tasks.start_soon(house._see_to_it)
            tasks.start_soon(house._hold_on)
            tasks.start_soon(house.shared.hear)
            try:
                yield house
            finally:
                with anyio.move_on_after(settings.closing, shield=True):
                    await house.drain(seconds=0)
                    await house.shared.close_models()

    @property
    def store(self) -> Store:
        return self.shared.store

    @property
    def settings(self) -> HouseSettings:
        return self.shared.settings

    # --- chats ---

    async def new_chat(self, owner: str, settings: Settings | None = None, *, title: str = "") -> Chat:
        """Raises `UsageError` for settings that are not offered, `QuotaError`, `StoreError`."""
        settings = settings or Settings()
        self.settings.check(settings)
        await self.shared.admit_chat(owner)
        now = datetime.now(UTC)
        chat = Chat(id=uuid4().hex, owner=owner, title=title, settings=settings, created=now, changed=now)
        await self.store.add_chat(chat)
        await self.shared.note(owner, chat.id, "create")
        return chat

    async def chats(
        self, owner: str, *, search: str = "", before: Chat | None = None, most: int = 50
    ) -> Sequence[Chat]:
        """See `Store.chats`; one search of a user after the other. Raises `QuotaError` where that takes long."""
        async with AsyncExitStack() as held:
            if search.strip():
                await held.enter_async_context(self.shared.ledger.searches.turn(owner))
            return await self.store.chats(owner, search=search, before=before, most=most)

    async def room(self, chat: str, *, owner: str) -> Room:
        """The room of a chat, awake.

        Raises:
            NotFoundError: this user has no such chat.
            ConflictError: it is awake in another process.
            QuotaError: too many rooms are awake, and none of them is idle.
            StoreError, SandboxError: the machinery failed.
        """
        room = await self._room(chat, owner)
        await room.awaken()
        return room

    async def rename(self, chat: str, title: str, *, owner: str) -> Chat:
        """Does not wake it. Raises `NotFoundError`, `ConflictError` as `room`."""
        room = await self._room(chat, owner)
        async with self._waking:  # or it could wake meanwhile
            if chat in self._awake:
                return await room.change(title=title)
            await self._take(chat)
            try:
                room = await self._room(chat, owner)  # as it is now that nobody else changes it
                return await room.change(title=title)
            finally:
                await self._give_back(chat)

    async def stop(self, chat: str, *, owner: str) -> None:
        """Stop what goes on in a chat; in one that sleeps nothing does. Raises `NotFoundError`, `ConflictError`."""
        room = await self._room(chat, owner)
        holder = await self.store.holder(chat)
        if room.course is None and holder not in (None, self.shared.replica) and not has_ended(holder):
            raise ConflictError(_ELSEWHERE)
        await room.stop()

    async def share(self, chat: str, *, owner: str, run: str | None = None) -> Share:
        """A link by which anybody may read a chat up to a run, or else to its head. Does not wake it.

        Raises:
            NotFoundError: this user has no such chat, or it has no such run.
            UsageError: nothing was said yet.
        """
        room = await self._room(chat, owner)
        head = run or room.chat.head
        if head is None:
            raise UsageError("nothing was said yet, so there is nothing to share")
        if await self.store.run(chat, head) is None:
            raise NotFoundError(f"there is no run {head!r}")
        share = Share(token=token_urlsafe(32), chat=chat, head=head, created=datetime.now(UTC))
        await self.store.add_share(share)
        await self.shared.note(owner, chat, "share", head=head)
        return share

    async def unshare(self, chat: str, token: str, *, owner: str) -> None:
        """A link shows nothing from now on. Raises `NotFoundError` where this chat of this user has no such link."""
        await self._room(chat, owner)
        if token not in {share.token for share in await self.store.shares(chat)}:
            raise NotFoundError("there is no such link")
        await self.store.delete_share(token)
        await self.shared.note(owner, chat, "unshare")

    async def delete_chat(self, chat: str, *, owner: str) -> None:
        """Stop what goes on in a chat and delete it. Raises `NotFoundError`, `ConflictError` as `room`."""
        room = await self._room(chat, owner)
        await self._take(chat)
        await room.stop()
        await room.close(save=False)
        await self.store.delete_chat(chat)
        room.telling.end()
        await self.shared.note(owner, chat, "delete")

    def listen(self, chat: str, *, after: int = 0) -> AbstractAsyncContextManager[AsyncIterator[Told]]:
        """The events of a chat, without waking it. Whether the caller may see them is the caller's to check."""
        return self.shared.telling(chat).listen(after=after)

    def agent(self, settings: Settings, *, approve: Approve | None = None, ask: Ask | None = None) -> Agent:
        """An agent for a caller without a chat, with the shared models and sandbox. Raises `UsageError`."""
        self.shared.check_open()
        return self.shared.agent(settings, approve=approve, ask=ask)

    # --- the whole ---

    async def drain(self, *, seconds: float) -> None:
        """Begin nothing new, wait so long for what goes on, stop the rest, and put all rooms to sleep."""
        self.shared.draining = True
        with anyio.move_on_after(seconds):
            for room in list(self._awake.values()):
                await room.wait()
            await self.shared.ledger.runs.quiet()
        for scope in self.shared.roomless:
            scope.cancel()
        async with anyio.create_task_group() as tasks:
            for room in list(self._awake.values()):
                tasks.start_soon(self._shut, room)
        for telling in self.shared.tellings:
            with suppress(StoreError):
                await telling.flushed()

    def counts(self) -> Counts:
        rooms, tellings = list(self._awake.values()), self.shared.tellings
        return replace(
            self._counted,
            awake=len(rooms),
            running=self.shared.ledger.runs.inside.total(),
            asked=sum(len(room.oversight.asking.waiting) for room in rooms),
            listeners=sum(telling.listeners for telling in tellings),
            draining=self.shared.draining,
        )

    async def recover(self) -> None:
        """Mark the runs that the end of their process has interrupted, as far as their chats are free.

        Raises:
            StoreError: the database cannot be used.
        """
        for chat in {run.chat for run in await self.store.running(self.shared.replica)}:
            async with self._waking:  # or a room could wake meanwhile, and begin a run
                with suppress(ConflictError, NotFoundError):  # somebody else sees to it, or has deleted it
                    await self._recover(chat)

    async def _recover(self, chat: str) -> None:
        if chat not in self._awake:
            await self._take(chat)
            ended = await end_interrupted(self.shared, chat)
            self._counted = replace(self._counted, interrupted=self._counted.interrupted + ended)
            await self._give_back(chat)

    async def _give_back(self, chat: str) -> None:
        """End the lease of a chat that was taken without waking it. Raises `StoreError`."""
        telling = self.shared.telling(chat)
        await telling.flushed()
        telling.rest()
        await self.store.let_go(chat, self.shared.replica)

    # --- rooms ---

    async def _room(self, chat: str, owner: str) -> Room:
        """Raises `NotFoundError`."""
        if (found := await self.store.chat(chat, owner=owner)) is None:
            raise NotFoundError(f"there is no chat {chat!r}")
        room = self._rooms.get(chat)
        if room is None:
            room = self._rooms[chat] = Room(found, self.shared, self)
        elif room.course is None:
            room.oversight.chat = found  # another process may have changed it
        return room

    async def wake(self, room: Room) -> None:
        """For rooms: see `Keeper`."""
        self.shared.check_open()
        self.shared.ledger.check_cpu(room.chat.owner)  # waking may be code that runs again
        with anyio.move_on_after(self.settings.closing) as limit:
            await self._make_room(room)
        if limit.cancelled_caught:
            raise QuotaError("another chat takes long to go to sleep; try again in a moment", AGAIN)
        try:
            await self._enter(room)
        except BaseException:
            self._awake.pop(room.chat.id, None)
            raise

    def left(self, room: Room) -> None:
        """For rooms: see `Keeper`."""
        self._awake.pop(room.chat.id, None)
        self._counted = replace(self._counted, slept=self._counted.slept + 1)

    async def _enter(self, room: Room) -> None:
        chat = room.chat
        await self._take(chat.id)
        course = Course(self.shared, room.oversight, living_of(self.shared, room.oversight))
        room.oversight.held = uptime()
        try:
            found = await course.wake()
        except BaseException:
            with anyio.CancelScope(shield=True):
                await course.living.close()
                with suppress(StoreError):
                    await self.store.let_go(chat.id, self.shared.replica)
            raise
        room.course, room.used_at, room.woken = course, time.monotonic(), None
        self._counted = replace(self._counted, woken=self._counted.woken + 1)
        if chat.head is not None or found.state != "kept":
            room.woken = found.state
            course.tell_woken(found)

    async def _take(self, chat: str) -> None:
        """Take a chat's lease, also from a process that has surely ended. Raises `ConflictError`."""
        replica, lease = self.shared.replica, self.settings.lease
        if not await self.store.hold(chat, replica, seconds=lease):
            holder = await self.store.holder(chat)
            if holder is not None and has_ended(holder):
                await self.store.let_go(chat, holder)
            if not await self.store.hold(chat, replica, seconds=lease):
                raise ConflictError(_ELSEWHERE)
        self.shared.telling(chat).muted = False

    async def _make_room(self, room: Room) -> None:
        """Enter a room among those awake; idle ones sleep first, where there are too many. That may take long,
        and keeps nobody else from waking. Raises `QuotaError` where none is idle, `StoreError`.
        """
        while True:
            async with self._waking:
                if (idle := self._in_the_way(room.chat.owner)) is None:
                    self._awake[room.chat.id] = room
                    return
            with suppress(ConflictError):  # it has just been used
                await idle.sleep()

    def _in_the_way(self, owner: str) -> Room | None:
        """A room that has to sleep before another of this user can wake. Raises `QuotaError` where all are busy."""
        quotas = self.settings.quotas
        for whose, most in ((owner, quotas.own_rooms), (None, quotas.rooms)):
            if len(rooms := self._awake_of(whose)) >= most:
                idle = [room for room in rooms if room.course is not None and not room.busy]
                if not idle:
                    raise QuotaError(f"{len(rooms)} chats are awake and busy, as many as there may be", AGAIN)
                return min(idle, key=lambda room: room.used_at)
        return None

    def _awake_of(self, owner: str | None) -> list[Room]:
        """All rooms that are awake, or those of one user."""
        return [room for room in self._awake.values() if owner in (None, room.chat.owner)]

    async def _shut(self, room: Room) -> None:
        with enduring(f"shutting the chat {room.chat.id}"):
            await room.shut()
        with enduring(f"closing the chat {room.chat.id}"):  # the store is gone, say; the session goes all the same
            await room.close(save=False)

    # --- from time to time ---

    async def _see_to_it(self) -> None:
        while True:
            await anyio.sleep(self.settings.beat)
            for room in list(self._awake.values()):
                with enduring(f"looking after the chat {room.chat.id}"):
                    await self._look_after(room)
            with enduring("looking for interrupted runs"):
                await self.recover()

    async def _look_after(self, room: Room) -> None:
        if (course := room.course) is None:
            return
        course.oversight.charge(course.session)
        spent = self.shared.ledger.spent(room.chat.owner)  # by programs that were left running, which sleep ends
        if not room.busy and (spent or time.monotonic() - room.used_at > self.settings.idle):
            await room.sleep()
        else:
            await course.settle()

    async def _hold_on(self) -> None:
        """A loop of its own: saving a room takes longer than a lease may wait."""
        while True:
            await anyio.sleep(min(self.settings.beat, self.settings.lease / 3))
            for room in list(self._awake.values()):
                with enduring(f"holding the chat {room.chat.id}"):  # the next time, perhaps
                    await self._hold(room)

    async def _hold(self, room: Room) -> None:
        if uptime() - room.oversight.held < self.settings.lease / 3:
            return
        try:
            await room.oversight.hold()
        except ConflictError:  # this process was away for too long
            room.telling.muted = True
            await room.stop()
            await room.close(save=False)
        except NotFoundError:  # another process has deleted the chat
            room.telling.end()
            await room.stop()
            await room.close(save=False)
