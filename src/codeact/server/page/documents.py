"""What is served as it is: the style sheet, and pages without any script (a shared chat, results of a bench)."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import Final

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter
from starlette.responses import HTMLResponse, Response

from codeact.errors import NotFoundError
from codeact.sandbox.base import MiB
from codeact.server.house import House
from codeact.server.nouns import Share
from codeact.server.page import policy
from codeact.server.page.draw import Drawing, blocks
from codeact.server.page.fold import fold
from codeact.server.page.icons import ICON, MARK
from codeact.server.page.markup import escaped
from codeact.server.page.shown import Shown
from codeact.server.sharing import Kept, path_of, told_on
from codeact.server.store.base import Store

STYLE: Final = (Path(__file__).parent / "browser" / "style.css").read_text(encoding="utf-8")
STYLE_ADDRESS: Final = f"/page/style-{hashlib.sha256(STYLE.encode()).hexdigest()[:16]}.css"
MOST_KEPT: Final = 32 * MiB  # of pages of shared chats


def documents(house: House) -> APIRouter:
    router = APIRouter(include_in_schema=False)
    talks = Talks(house.store)

    @router.get(STYLE_ADDRESS)
    async def style() -> Response:
        return Response(STYLE, media_type="text/css", headers={"cache-control": policy.FOREVER})

    @router.get("/s/{token}")
    async def shared(token: str) -> Response:
        share = await house.store.share(token) if token.isascii() and len(token) < 200 else None
        with suppress(NotFoundError):
            if share is not None:
                return _still(await talks.page(share))
        return document("Not here", '<p class="empty">There is no such link, or it was taken back.</p>', status=404)

    return router


def document(title: str, body: str, *, status: int = 200, kind: str = "") -> HTMLResponse:
    """A page without script, whole in one answer."""
    return _still(_html(title, body, kind), status)


def _html(title: str, body: str, kind: str) -> bytes:
    html = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escaped(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">'
        f'<link rel="icon" href="{ICON}"><style>{STYLE}</style></head>'
        f'<body class="document {kind}"><main>{body}</main></body></html>'
    )
    return html.encode(errors="replace")


def _still(page: bytes, status: int = 200) -> HTMLResponse:
    return HTMLResponse(page, status, headers={"content-security-policy": policy.still(STYLE)})


@dataclass(slots=True)
class Talks:
    """Shared chats as pages: each made once, away from the loop that everything else waits for."""

    store: Store
    kept: Kept[bytes] = field(default_factory=lambda: Kept[bytes](MOST_KEPT))
    two: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(2))  # that are drawn at a time

    async def page(self, share: Share) -> bytes:
        """A chat up to the shared run. Raises `NotFoundError` where it is gone."""
        if (known := self.kept.get(share)) is not None:
            return known
        async with self.two:
            if (known := self.kept.get(share)) is not None:  # for somebody who had asked before
                return known
            path = await path_of(self.store, share)
            shown = Shown()
            async for piece in told_on(self.store, share.chat, path):
                shown = await to_thread.run_sync(reduce, fold, piece, shown)
            whole = len(shown.runs) == len(path) and all(run.status != "running" for run in shown.runs.values())
            return self.kept.keep(share, await to_thread.run_sync(_drawn, share, shown), whole=whole)


def _drawn(share: Share, shown: Shown) -> bytes:
    shown = Shown(runs=shown.runs, head=share.head)  # nothing of what happened to the chat beside its runs
    drawing = Drawing(media=f"/shared/{share.token}/media", buttons=False)
    found = "".join(f'<div class="{block.kind}">{block.html}</div>' for block in blocks(shown, drawing))
    title = " ".join(next((run.text for run in shown.path), "").split())[:80]
    head = (
        f'{MARK}<div><h1>{escaped(title)}</h1><p class="dim">A shared conversation, {share.created:%-d %B %Y}</p></div>'
    )
    return _html(title, f'<header>{head}</header><div class="talk">{found}</div>', "")
