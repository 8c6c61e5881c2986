"""Sessions: made, found, changed, copied, deleted."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response

from codeact.errors import UsageError
from codeact.server.http.callers import Owner
from codeact.server.http.paths import ID
from codeact.server.http.service import Here
from codeact.server.http.views import Id, NewFork, NewSession, SessionChange, SessionPage, SessionView
from codeact.server.nouns import Chat, Settings

router = APIRouter(tags=["sessions"])


@router.post("/sessions", status_code=201)
async def create_session(body: NewSession, owner: Owner, here: Here, response: Response) -> SessionView:
    """A new chat with an interpreter of its own, which starts with the first message."""
    chat = await here.house.new_chat(owner, body.settings.over(Settings()), title=body.title)
    response.headers["location"] = f"/sessions/{chat.id}"
    return SessionView.of(chat)


@router.get("/sessions")
async def list_sessions(
    owner: Owner,
    here: Here,
    search: Annotated[str, Query(max_length=200, description="In titles, and in what was said.")] = "",
    before: Annotated[str, Query(max_length=200, description="`next` of the page before.")] = "",
    most: Annotated[int, Query(ge=1, le=200)] = 50,
) -> SessionPage:
    """Your sessions, the one that changed last first."""
    mark = _mark(before, owner) if before else None
    found = await here.house.chats(owner, search=search.replace("\0", ""), before=mark, most=most + 1)
    page = found[:most]
    return SessionPage(
        sessions=[SessionView.of(chat) for chat in page],
        next=_cursor(page[-1]) if len(found) > most else None,
    )


@router.get("/sessions/{id}")
async def get_session(id: Id, owner: Owner, here: Here) -> SessionView:
    return SessionView.of(await here.chat(id, owner))


@router.patch("/sessions/{id}")
async def change_session(id: Id, body: SessionChange, owner: Owner, here: Here) -> SessionView:
    """Rename it, or change its settings; what is left out stays."""
    chat = await here.chat(id, owner)
    settings = body.settings.over(chat.settings) if body.settings else None
    if settings is not None and settings != chat.settings:
        room = await here.house.room(id, owner=owner)
        chat = await room.change(title=body.title, settings=settings)
    elif body.title is not None:
        chat = await here.house.rename(id, body.title, owner=owner)
    return SessionView.of(chat)


@router.delete("/sessions/{id}", status_code=204)
async def delete_session(id: Id, owner: Owner, here: Here) -> None:
    """With its runs, events, files and shares. What was running is stopped."""
    await here.house.delete_chat(id, owner=owner)


@router.post("/sessions/{id}/fork", status_code=201)
async def fork_session(id: Id, body: NewFork, owner: Owner, here: Here, response: Response) -> SessionView:
    """A session of its own with this history, these variables and files."""
    room = await here.house.room(id, owner=owner)
    chat = await room.fork(title=body.title)
    response.headers["location"] = f"/sessions/{chat.id}"
    return SessionView.of(chat)


@router.post("/sessions/{id}/reset", status_code=204)
async def reset_session(id: Id, owner: Owner, here: Here) -> None:
    """A fresh interpreter; the files stay."""
    room = await here.house.room(id, owner=owner)
    await room.reset()


def _cursor(chat: Chat) -> str:
    return f"{chat.changed.isoformat()}~{chat.id}"


def _mark(cursor: str, owner: str) -> Chat:
    """The place in the list that a cursor names; the chat itself may be gone, or have changed since."""
    moment, _, id = cursor.partition("~")
    try:
        changed = datetime.fromisoformat(moment.replace(" ", "+"))  # a plus that nobody has escaped
    except ValueError:
        changed = None
    if changed is None or changed.tzinfo is None or not ID.fullmatch(id):
        raise UsageError("`before` is not the `next` of a page")
    return Chat(id=id, owner=owner, created=changed, changed=changed)
