"""The two addresses at which NiceGUI builds a page: a new conversation, and one that there is."""

from __future__ import annotations

from typing import Any, cast

from nicegui import ui
from nicegui.client import Client
from starlette.exceptions import HTTPException
from starlette.requests import Request

from codeact.errors import NotFoundError
from codeact.server.page.acts import Acts
from codeact.server.page.documents import STYLE_ADDRESS
from codeact.server.page.mounting import place_of
from codeact.server.page.screen import Screen

PATIENCE = 30.0  # seconds that building a page may take: a long log is read first


@ui.page("/", response_timeout=PATIENCE)
async def new_conversation(request: Request, client: Client) -> None:
    await _build(request, client, None)


@ui.page("/c/{chat}", response_timeout=PATIENCE)
async def conversation(request: Request, client: Client, chat: str) -> None:
    await _build(request, client, chat)


async def _build(request: Request, client: Client, chat: str | None) -> None:
    place = place_of(request.scope)
    owner = place.owner_of(request)
    if owner is None:  # `Pages` has seen to that; a page for nobody must not be an oversight away
        raise HTTPException(403)
    if client.content.parent_slot is not None:  # the toolkit's own `main` is around all of it; ours is the talk
        client.content.parent_slot.parent.props["role"] = "presentation"
    ui.add_head_html(f'<link rel="stylesheet" href="{STYLE_ADDRESS}">')
    screen = Screen(place.house, owner, f"{request.url.scheme}://{request.url.netloc}", place.results)
    acts = Acts(screen)
    screen.build(acts.pressed, acts.composing())
    place.pages[owner] += 1

    def left() -> None:
        screen.leave()
        place.pages[owner] -= 1

    cast("Any", client).on_delete(left)  # partly typed
    try:
        await screen.open(chat)
    except NotFoundError as error:
        await screen.open(None)
        screen.say(str(error), "problem")
    client.title = f"{screen.chat.title} · codeact" if screen.chat and screen.chat.title else "codeact"
