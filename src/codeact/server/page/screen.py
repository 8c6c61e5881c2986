"""One tab of a browser: what it shows, and the chat it follows. What its buttons do is in `acts`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, cast

import anyio
from nicegui import background_tasks
from nicegui.events import GenericEventArguments

from codeact.errors import CodeActError, NotFoundError, SetupError, StoreError
from codeact.server.house import House
from codeact.server.nouns import Chat, Settings, Told
from codeact.server.page import panels, sidebar
from codeact.server.page.draw import Block, Drawing, blocks
from codeact.server.page.fold import fold
from codeact.server.page.layout import WELCOME, Parts, foot_html, head_html, lay_out
from codeact.server.page.markup import escaped
from codeact.server.page.regions import Heard
from codeact.server.page.shown import Shown
from codeact.server.room import Room

log: Final = logging.getLogger("codeact.server.page")
PAUSE = 0.08  # seconds between two drawings: fast enough to read along, and not every word is a message
NOT_STORED = "The database cannot be used now. Try again later."
AGAIN = 2.0  # seconds until the log is asked again after the store has failed
LISTED = 50  # chats in the list at first
MOST_WAITING = 10  # things that were asked for, while something goes on
_TELLS = frozenset({"run_begun", "run_ended", "chat_changed", "head_moved"})  # what the list and the panel go by


@dataclass(slots=True)
class Screen:
    """`await screen.open(chat)` shows a chat; events and buttons do the rest."""

    house: House
    owner: str
    base: str  # the service's own address, for links that are given away
    results: bool = False  # whether there are results of benches to go to
    chat: Chat | None = None
    shown: Shown = field(default_factory=Shown)
    draft: Settings = field(default_factory=Settings)  # of a chat that is not made before something is said
    listed: sidebar.Listed = field(default_factory=sidebar.Listed)
    most: int = LISTED
    tab: str | None = None  # of the panel; None: it is closed
    editing: str | None = None  # the run in whose place the next message comes
    given: list[str] = field(default_factory=list[str])  # files that go with the next message
    drawing: Drawing = field(default_factory=Drawing)
    parts: Parts = field(init=False)
    _one: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(1))
    _dirty: anyio.Event = field(default_factory=anyio.Event)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list["asyncio.Task[None]"])

    def build(self, hear: Heard, compose: Mapping[str, Callable[[Any], Awaitable[None]]]) -> None:
        """Lay the page out, in the page that NiceGUI has open now."""
        most = self.house.settings.quotas.upload
        self.parts = lay_out(partial(self._on_press, hear), self._wrapped(compose), self.results, most)

    # --- which chat -------------------------------------------------------------------------------

    async def open(self, id: str | None) -> None:
        """Show a chat from its log; None: a new one.

        Raises:
            NotFoundError: this user has no such chat.
            StoreError: the log cannot be read.
        """
        chat = None if id is None else await self.house.store.chat(id, owner=self.owner)
        if id is not None and chat is None:
            raise NotFoundError("There is no such conversation.")
        self.leave()
        self.chat, self.shown, self.editing, self.given = chat, Shown(), None, []
        self.drawing = Drawing(media=f"/sessions/{chat.id}/media" if chat else "")
        if chat is not None:
            await self._catch_up(chat.id)
            self._tasks = [_begun(self._follow(chat.id)), _begun(self._redraw())]
        self.draw()
        await self.list_chats()
        await self.show_panel()

    def leave(self) -> None:
        """Follow no chat any more."""
        for task in self._tasks:
            task.cancel()
        self._tasks = []

    async def made(self) -> Chat:
        """The chat, made now where there is none yet. Raises as `House.new_chat`."""
        if self.chat is None:
            chat = await self.house.new_chat(self.owner, self.draft)
            self.draft, given = Settings(), self.given
            await self.open(chat.id)
            self.given = given
            self.parts.shell.order("shell", "address", f"/c/{chat.id}", "codeact")
        assert self.chat is not None
        return self.chat

    async def room(self) -> Room:
        """The chat's room, awake. Raises as `House.room`."""
        return await self.house.room((await self.made()).id, owner=self.owner)

    # --- what happens in it -----------------------------------------------------------------------

    async def _catch_up(self, chat: str) -> None:
        while rows := await self.house.store.told(chat, after=self.shown.number):
            for told in rows:
                self.shown = fold(self.shown, told)

    async def _follow(self, chat: str) -> None:
        while True:
            try:
                async with self.house.listen(chat, after=self.shown.number) as events:
                    async for told in events:
                        await self._take(told)
                if await self.house.store.chat(chat, owner=self.owner) is None:
                    _begun(self._deleted())  # a task of its own: it ends this one
                    return
            except StoreError as error:
                self.say(told_of(error), "problem")
            await anyio.sleep(AGAIN)

    async def _deleted(self) -> None:
        """Somebody has deleted the chat, in another window say: say so, and show a new one."""
        await self.open(None)
        self.parts.shell.order("shell", "address", "/", "codeact")
        self.say("This conversation was deleted.", "problem")

    async def _take(self, told: Told) -> None:
        before = self.shown
        self.shown = fold(before, told)
        if told.event.get("kind") in _TELLS:
            await self._refresh()
        self._dirty.set()
        self._speak(before)

    async def _refresh(self) -> None:
        assert self.chat is not None
        chat = await self.house.store.chat(self.chat.id, owner=self.owner)
        if chat is None:  # the log will end
            return
        self.chat = chat
        await self.list_chats()
        if self.shown.running is None:
            await self.show_panel()

    def _speak(self, before: Shown) -> None:
        """For those who hear the page: the turning points, not every word."""
        if before.running is None:
            return
        run, tell = self.shown.runs[before.running], partial(self.parts.shell.order, "shell", "tell")
        if self.shown.running is None:
            tell("The answer is there." if run.status == "answered" else "It has ended.")
        elif len(run.waiting) > len(before.runs[run.id].waiting):
            tell("It waits for you.")

    async def _redraw(self) -> None:
        while True:
            await self._dirty.wait()
            self._dirty = anyio.Event()
            self.draw()
            await anyio.sleep(PAUSE)

    # --- drawing ----------------------------------------------------------------------------------

    def draw(self) -> None:
        parts, shown = self.parts, self.shown
        parts.talk.show(*(blocks(shown, self.drawing) or [Block("welcome", "", WELCOME)]))
        parts.head.html(head_html(self.chat, shown, self.tab))
        parts.foot.html(foot_html(self.chat.settings if self.chat else self.draft, self._offers(), shown.asleep))
        parts.composer.props.set_bool("busy", shown.running is not None)
        parts.composer.props["note"] = "Editing an earlier message" if self.editing else ""
        if self.tab == "branches":
            parts.panel.html(panels.branches_html(shown))

    async def list_chats(self) -> None:
        """Draw the list of conversations. Raises `StoreError`."""
        found = await self.house.chats(self.owner, search=self.listed.search, most=self.most + 1)
        current = self.chat.id if self.chat else None
        self.listed = replace(self.listed, chats=found[: self.most], current=current, more=len(found) > self.most)
        self.parts.chats.html(sidebar.chats_html(self.listed, datetime.now(UTC).astimezone()))

    async def show_panel(self) -> None:
        """Draw the panel as far as it is open. What cannot be seen now says why."""
        tab = self.tab
        self.parts.shell.order("shell", "toggle", "panel", tab is not None)
        if tab is None:
            return
        self.parts.tabs.html(panels.tabs_html(tab), "tabs")
        try:
            html = await self._panel(tab)
        except CodeActError as error:
            html = f'<p class="empty">{escaped(told_of(error))}</p>'
        if self.tab == tab:
            self.parts.panel.html(html)

    async def _panel(self, tab: str) -> str:
        chat = self.chat
        if tab == "settings":
            return panels.settings_html(chat.settings if chat else self.draft, self._offers())
        if tab == "branches":
            return panels.branches_html(self.shown)
        if chat is None:
            return panels.before_html(tab)
        if tab == "share":
            return panels.share_html(chat.id, await self.house.store.shares(chat.id), self.base)
        room = await self.room()
        if tab == "variables":
            return panels.variables_html(await room.variables())
        return panels.files_html(chat.id, await room.files())

    def _offers(self) -> panels.Offers:
        made = self.house.settings
        return panels.Offers(
            models=tuple(made.models),
            tools=tuple(made.tools),
            networks=made.networks,
            turns=made.turns,
            tokens=made.tokens,
            memory=made.limits.memory,
        )

    def say(self, text: str, kind: str = "") -> None:
        """Something that is read once."""
        self.parts.shell.order("shell", "say", text, kind)

    # --- what is pressed --------------------------------------------------------------------------

    async def attempt(self, doing: Callable[[], Awaitable[None]]) -> None:
        """Do what was asked for, after all that was asked for before. If it cannot be done, why not is said."""
        if self._one.statistics().tasks_waiting >= MOST_WAITING:
            self.say("Something is going on still. Wait a moment.", "problem")
            return
        async with self._one:
            await self.at_once(doing)

    async def at_once(self, doing: Callable[[], Awaitable[None]]) -> None:
        """As `attempt`, whatever else goes on."""
        try:
            await doing()
        except CodeActError as error:
            self.say(told_of(error), "problem")

    async def _on_press(self, hear: Heard, act: str, on: str, fields: Mapping[str, Sequence[str]]) -> None:
        await self.attempt(lambda: hear(act, on, fields))

    def _wrapped(self, compose: Mapping[str, Callable[[Any], Awaitable[None]]]) -> Mapping[str, Callable[..., Any]]:
        def wrapped(name: str, act: Callable[[Any], Awaitable[None]]) -> Callable[..., Any]:
            how = self.at_once if name == "stop" else self.attempt  # what is to be stopped may be what goes on

            async def hear(event: GenericEventArguments) -> None:
                await how(lambda: act(event.args))

            return hear

        return {name: wrapped(name, act) for name, act in compose.items()}


def told_of(error: CodeActError) -> str:
    """What a user is told of an error: nothing of the machine, which the log has instead."""
    if not isinstance(error, StoreError | SetupError):
        return str(error)
    log.error("on a page: %s", error)
    return NOT_STORED if isinstance(error, StoreError) else "The service is not set up for this; its log says why."


def _begun(doing: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """A task of NiceGUI's, which logs what goes wrong in it, and ends it with itself."""
    return cast("Any", background_tasks).create(doing)  # partly typed
