"""A chat made of another: its runs up to the head, what was told of them, and the interpreter's state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby
from uuid import uuid4

import anyio

from codeact.server import tree
from codeact.server.course import Course
from codeact.server.given import given_to
from codeact.server.nouns import Chat, Run
from codeact.server.shared import Shared
from codeact.server.wire import digests

_PAGE = 500  # events that are copied at once


async def fork(course: Course, title: str) -> Chat:
    """Copy the chat of a course. A branch of a live session ends with it, so the copy's state is a saved one, which it
    finds when it is woken.

    Raises:
        QuotaError: the user has too many chats, or no room left for all of it; then there is no copy.
    """
    store, owner, now = course.shared.store, course.chat.owner, datetime.now(UTC)
    await course.shared.admit_chat(owner)
    path = await course.path_to(course.chat.head)
    saved = await course.saved()
    title = title or course.chat.title
    chat = replace(course.chat, id=uuid4().hex, title=title, head=None, created=now, changed=now)
    copies, ids = tree.copied(path, chat.id)
    await store.add_chat(chat)
    try:
        for run in copies:
            await course.shared.admit(owner)  # what was copied so far counts already
            await store.add_run(run)
        await course.oversight.telling.flushed()
        await _copy_log(course.shared, course.chat, chat.id, ids, copies)
        if saved is not None:
            await course.shared.admit(owner, size=len(saved.files) + len(saved.state or b""))
            await store.save_session(replace(saved, chat=chat.id, head=ids.get(saved.head or "")))
        chat = replace(chat, head=ids.get(course.chat.head or ""))
        await store.change_chat(chat)
    except BaseException:
        with anyio.CancelScope(shield=True):
            await store.delete_chat(chat.id)
        raise
    return chat


async def _copy_log(shared: Shared, source: Chat, target: str, ids: Mapping[str, str], runs: list[Run]) -> None:
    """Events of the copied runs, and the bytes that they and the runs refer to. Raises `QuotaError`."""
    store = shared.store
    media = {digest for run in runs for digest in given_to(run.trajectory).values()}
    number = 0
    while rows := await store.told(source.id, after=number, most=_PAGE):
        await shared.admit(source.owner)
        number = rows[-1].number
        for run, group in groupby(rows, key=lambda told: told.run):
            if run is not None and run in ids:
                events = [told.event for told in group]
                await store.tell(target, ids[run], events)
                media.update(digest for event in events for digest in digests(event))
    for digest in media:
        if (found := await store.media(source.id, digest)) is not None:
            await shared.admit(source.owner, size=len(found[1]))
            await store.keep_media(target, digest, *found)
