"""What the page's buttons, forms and keys do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from codeact.errors import CodeActError, NotFoundError, UsageError
from codeact.sandbox.base import MiB
from codeact.server.nouns import Chat, Settings
from codeact.server.page import panels
from codeact.server.page.panels import TABS
from codeact.server.page.screen import LISTED, Screen
from codeact.server.page.shown import RunShown

Fields = Mapping[str, Sequence[str]]
_ON_SCREEN = "-"  # what a button acts on that needs nothing


@dataclass(frozen=True, slots=True)
class Acts:
    """All that a user can do on a screen. Each act may raise what the room raises; the screen says it."""

    screen: Screen

    async def pressed(self, act: str, on: str, fields: Fields) -> None:
        """A button, link or form by its `data-act`; what is not known here is not done."""
        known: Mapping[str, Callable[[str, Fields], Awaitable[None]]] = {
            "new": self._new,
            "open": self._open,
            "search": self._search,
            "unsearch": self._search,
            "more": self._more,
            "rename": self._rename,
            "renamed": self._renamed,
            "delete": self._delete,
            "deleted": self._deleted,
            "leave": self._leave,
            "panel": self._panel,
            "tab": self._tab,
            "edit": self._edit,
            "retry": self._retry,
            "undo": self._undo,
            "branch": self._show,
            "show": self._show,
            "tip": self._tip,
            "approve": self._approve,
            "refuse": self._refuse,
            "reply": self._reply,
            "preview": self._preview,
            "remove": self._remove,
            "reset": self._reset,
            "settings": self._settings,
            "share": self._share,
            "unshare": self._unshare,
            "fork": self._fork,
        }
        if act in known:
            await known[act](on, fields)

    def composing(self) -> Mapping[str, Callable[[Any], Awaitable[None]]]:
        """What the composer and the shell tell."""
        return {
            "send": self._send,
            "stop": self._stop,
            "leave": self._stop_editing,
            "attach": self._attach,
            "given": self._given,
            "taken": self._taken,
            "refused": self._refused,
            "new": self._began,
            "shut": self._shut,
            "went": self._went,
        }

    # --- the list ---------------------------------------------------------------------------------

    async def _new(self, on: str, fields: Fields) -> None:
        self.screen.listed = replace(self.screen.listed, search="")  # or the new one might not be in the list
        self.screen.parts.shell.order("shell", "unsearch")
        await self._go(None)
        self.screen.parts.shell.order("composer", "focus")

    async def _open(self, on: str, fields: Fields) -> None:
        await self._go(on)

    async def _go(self, id: str | None) -> None:
        screen = self.screen
        await screen.open(id)
        title = screen.chat.title if screen.chat else ""
        screen.parts.shell.order(
            "shell", "address", f"/c/{id}" if id else "/", f"{title} · codeact" if title else "codeact"
        )

    async def _search(self, on: str, fields: Fields) -> None:
        self.screen.listed = replace(self.screen.listed, search=on.replace("\0", "")[:200])
        self.screen.most = LISTED
        await self.screen.list_chats()

    async def _more(self, on: str, fields: Fields) -> None:
        self.screen.most += LISTED
        await self.screen.list_chats()

    async def _rename(self, on: str, fields: Fields) -> None:
        self.screen.listed = replace(self.screen.listed, renaming=on, deleting=None)
        await self.screen.list_chats()

    async def _renamed(self, on: str, fields: Fields) -> None:
        title = next(iter(fields.get("title", ())), "")
        await self.screen.house.rename(on, title, owner=self.screen.owner)
        await self._leave(on, fields)

    async def _delete(self, on: str, fields: Fields) -> None:
        self.screen.listed = replace(self.screen.listed, deleting=on, renaming=None)
        await self.screen.list_chats()

    async def _deleted(self, on: str, fields: Fields) -> None:
        here = self.screen.chat is not None and self.screen.chat.id == on
        if here:
            self.screen.leave()
        await self.screen.house.delete_chat(on, owner=self.screen.owner)
        self.screen.listed = replace(self.screen.listed, deleting=None)
        await (self._go(None) if here else self.screen.list_chats())

    async def _leave(self, on: str, fields: Fields) -> None:
        self.screen.listed = replace(self.screen.listed, deleting=None, renaming=None)
        await self.screen.list_chats()

    # --- the frame --------------------------------------------------------------------------------

    async def _panel(self, on: str, fields: Fields) -> None:
        self.screen.tab = "files" if self.screen.tab is None and on != "no" else None
        await self._panel_changed()

    async def _shut(self, _: Any) -> None:
        """The browser has closed the panel."""
        self.screen.tab = None
        await self._panel_changed()

    async def _tab(self, on: str, fields: Fields) -> None:
        if on in TABS:
            self.screen.tab = on
            await self._panel_changed()

    async def _panel_changed(self) -> None:
        await self.screen.show_panel()
        self.screen.draw()

    async def _began(self, _: Any) -> None:
        await self._new(_ON_SCREEN, {})

    async def _went(self, path: Any) -> None:
        """Back and forward in the browser."""
        await self.screen.open(str(path).removeprefix("/c/") if str(path).startswith("/c/") else None)

    # --- messages ---------------------------------------------------------------------------------

    async def _send(self, text: Any) -> None:
        screen = self.screen
        try:
            room, message = await screen.room(), str(text)
            if screen.editing is None:
                asleep_since = [name for name in screen.given if name not in room.given]
                await room.send(message, files=[(name, await room.get(name)) for name in asleep_since])
            elif screen.given:
                raise UsageError("Files go with a new message only: send this one without, or stop editing.")
            else:
                await room.edit(screen.editing, message)
        except CodeActError:
            screen.parts.shell.order("composer", "failed")
            raise
        screen.editing, screen.given = None, []
        screen.parts.shell.order("composer", "sent")
        screen.parts.shell.order("talk", "toEnd")

    async def _stop(self, _: Any) -> None:
        if self.screen.chat is not None:
            await self.screen.house.stop(self.screen.chat.id, owner=self.screen.owner)

    async def _stop_editing(self, _: Any) -> None:
        self.screen.editing = None
        self.screen.parts.shell.order("composer", "fill", "")
        self.screen.draw()

    async def _attach(self, _: Any) -> None:
        """The browser has files to give, and needs to know where to."""
        chat = await self.screen.made()
        self.screen.parts.shell.order("composer", "upload", panels.address_of(chat.id, ""))

    async def _given(self, name: Any) -> None:
        if str(name) not in self.screen.given:
            self.screen.given.append(str(name))
        if self.screen.tab == "files":
            await self.screen.show_panel()

    async def _taken(self, name: Any) -> None:
        """A file is not to go with the message after all."""
        if str(name) in self.screen.given:
            await self._remove(str(name), {})

    async def _refused(self, why: Any) -> None:
        match why:
            case {"name": name, "why": reason}:
                self.screen.say(f"{name}: {reason}", "problem")
            case _:
                pass

    async def _edit(self, on: str, fields: Fields) -> None:
        self.screen.editing = self._run(on).id
        self.screen.draw()
        self.screen.parts.shell.order("composer", "fill", self._run(on).text)

    async def _retry(self, on: str, fields: Fields) -> None:
        await (await self.screen.room()).retry(self._run(on).id)

    async def _undo(self, on: str, fields: Fields) -> None:
        """Back to before a message, whose words are there to be written anew."""
        run = self._run(on)
        await (await self.screen.room()).move_to(run.parent)
        self.screen.parts.shell.order("composer", "fill", run.text)

    async def _show(self, on: str, fields: Fields) -> None:
        """To a run of the tree: what is said next follows it."""
        await (await self.screen.room()).move_to(None if on == _ON_SCREEN else self._run(on).id)
        self.screen.parts.shell.order("composer", "focus")

    async def _tip(self, on: str, fields: Fields) -> None:
        await self._show(self.screen.shown.tip(self._run(on).id), fields)

    def _run(self, id: str) -> RunShown:
        run = self.screen.shown.runs.get(id)
        if run is None:
            raise NotFoundError("There is no such message.")
        return run

    # --- what the code asks -----------------------------------------------------------------------

    async def _approve(self, on: str, fields: Fields) -> None:
        await (await self.screen.room()).decide(on, True)

    async def _refuse(self, on: str, fields: Fields) -> None:
        await (await self.screen.room()).decide(on, False)

    async def _reply(self, on: str, fields: Fields) -> None:
        await (await self.screen.room()).reply(on, next(iter(fields.get("text", ())), ""))

    # --- the panel --------------------------------------------------------------------------------

    async def _preview(self, on: str, fields: Fields) -> None:
        data = await (await self.screen.room()).get(on)
        self.screen.parts.panel.html(panels.preview_html(on, data))

    async def _remove(self, on: str, fields: Fields) -> None:
        await (await self.screen.room()).remove(on)
        self.screen.given = [name for name in self.screen.given if name != on]
        await self.screen.show_panel()

    async def _reset(self, on: str, fields: Fields) -> None:
        await (await self.screen.room()).reset()
        self.screen.say("Python was restarted. Files are kept.")
        await self.screen.show_panel()

    async def _settings(self, on: str, fields: Fields) -> None:
        screen = self.screen
        if screen.chat is None:
            settings = settings_of(fields, screen.draft)
            screen.house.settings.check(settings)
            screen.draft = settings
        else:
            await (await screen.room()).change(settings=settings_of(fields, screen.chat.settings))
        screen.say("Saved.")

    async def _share(self, on: str, fields: Fields) -> None:
        await self.screen.house.share(self._chat().id, owner=self.screen.owner)
        await self.screen.show_panel()

    async def _unshare(self, on: str, fields: Fields) -> None:
        await self.screen.house.unshare(self._chat().id, on, owner=self.screen.owner)
        await self.screen.show_panel()

    async def _fork(self, on: str, fields: Fields) -> None:
        copy = await (await self.screen.room()).fork(title=f"{self._chat().title} (copy)")
        await self._go(copy.id)

    def _chat(self) -> Chat:
        if self.screen.chat is None:
            raise UsageError("Nothing was said yet.")
        return self.screen.chat


def settings_of(fields: Fields, before: Settings) -> Settings:
    """What the form says. Raises `UsageError` for what is no number."""

    def one(name: str) -> str:
        return next(iter(fields.get(name, ())), "").strip()

    memory = _number(fields, "memory")
    actions = one("actions")
    return replace(
        before,
        model=one("model"),
        actions=actions if actions in ("code", "json", "text") else "code",
        tools=tuple(fields.get("tools", ())),
        network=one("network") or "none",
        system=one("system"),
        approve="yes" in fields.get("approve", ()),
        turns=_number(fields, "turns"),
        tokens=_number(fields, "tokens"),
        memory=None if memory is None else memory * MiB,
        temperature=_decimal(fields, "temperature"),
    )


def _number(fields: Fields, name: str) -> int | None:
    value = _decimal(fields, name)
    return None if value is None else int(value)


def _decimal(fields: Fields, name: str) -> float | None:
    text = next(iter(fields.get(name, ())), "").strip()
    try:
        value = float(text) if text else None
    except ValueError:
        raise UsageError(f"{name}={text[:40]!r} is no number") from None
    if value is not None and not -1e15 < value < 1e15:
        raise UsageError(f"{name}={text[:40]!r} is no number that makes sense")
    return value
