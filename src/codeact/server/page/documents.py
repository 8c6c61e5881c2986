"""What is served as it is: the style sheet, and pages without any script (a shared chat, results of a bench)."""

from __future__ import annotations

import hashlib
from functools import reduce
from pathlib import Path
from typing import Final

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response

from codeact.server.house import House
from codeact.server.nouns import Share
from codeact.server.page import policy
from codeact.server.page.draw import Drawing, blocks
from codeact.server.page.fold import fold
from codeact.server.page.markup import escaped
from codeact.server.page.shown import Shown

STYLE: Final = (Path(__file__).parent / "browser" / "style.css").read_text(encoding="utf-8")
STYLE_ADDRESS: Final = f"/page/style-{hashlib.sha256(STYLE.encode()).hexdigest()[:16]}.css"


def documents(house: House) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get(STYLE_ADDRESS)
    async def style() -> Response:
        return Response(STYLE, media_type="text/css", headers={"cache-control": policy.FOREVER})

    @router.get("/s/{token}")
    async def shared(token: str) -> Response:
        share = await house.store.share(token) if token.isascii() and len(token) < 200 else None
        if share is None:
            return document("Not here", '<p class="empty">There is no such link, or it was taken back.</p>', status=404)
        return await _talk(house, share)

    return router


def document(title: str, body: str, *, status: int = 200, kind: str = "") -> HTMLResponse:
    """A page without script, whole in one answer."""
    html = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escaped(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">'
        f"<style>{STYLE}</style></head>"
        f'<body class="document {kind}"><main>{body}</main></body></html>'
    )
    return HTMLResponse(html.encode(errors="replace"), status, headers={"content-security-policy": policy.still(STYLE)})


async def _talk(house: House, share: Share) -> Response:
    """A chat up to the shared run, and nothing of what was said after it or undone."""
    shown, number = Shown(), 0
    while rows := await house.store.told(share.chat, after=number):
        number = rows[-1].number
        shown = reduce(fold, (told for told in rows if told.run is not None), shown)
    if share.head not in shown.runs:
        raise HTTPException(404)
    runs = {run.id: run for run in Shown(runs=shown.runs, head=share.head).path}
    shown = Shown(runs=runs, head=share.head)
    drawing = Drawing(media=f"/shared/{share.token}/media", buttons=False)
    found = "".join(f'<div class="{block.kind}">{block.html}</div>' for block in blocks(shown, drawing))
    title = " ".join(next(iter(runs.values())).text.split())[:80]
    return document(
        title, f'<p class="dim">A shared conversation, {share.created:%-d %B %Y}</p><div class="talk">{found}</div>'
    )
