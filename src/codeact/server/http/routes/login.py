"""How a browser gets its cookie: by the link that was printed, or by a token in a form. No script is needed."""

from __future__ import annotations

from html import escape
from typing import Annotated
from urllib.parse import parse_qs

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from starlette.responses import RedirectResponse, Response

from codeact.server.http.callers import Owner
from codeact.server.http.headers import FORM
from codeact.server.http.service import Here, Service

router = APIRouter(include_in_schema=False)

_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>codeact</title>{head}
<meta name="viewport" content="width=device-width"><style>
:root {{ color-scheme: light dark }}
body {{ font: 1rem/1.5 system-ui; max-width: 24rem; margin: 20vh auto; padding: 1rem }}
input, button {{ font: inherit; width: 100%; box-sizing: border-box; padding: .5rem; margin-top: .5rem }}
</style></head><body><main><h1>codeact</h1>{body}</main></body></html>"""
_FORM = """<p>{said}</p><form method="post" action="/login"><label>Token
<input name="token" type="password" autocomplete="current-password" required autofocus></label>
<button>Log in</button></form>"""
_ASK = "Open the login link that codeact serve has printed, or give a token."
_WRONG = "That did not work: a link is good once, for an hour. codeact serve prints a new one; a token works always."


@router.get("/login")
async def use_link(request: Request, here: Here, code: Annotated[str, Query(max_length=512)] = "") -> Response:
    """Exchange the code of a link for a cookie. What a browser fetches ahead of time uses up no code."""
    if not code or request.headers.get("sec-purpose", "").startswith("prefetch"):
        return _asked(_ASK)
    admitted = await here.credentials.admit(code)
    if admitted is None:
        return await _refused(here, request, "login code")
    return await _let_in(here, *admitted)


@router.post("/login")
async def use_token(request: Request, here: Here) -> Response:
    """Exchange a token, typed into the form, for a cookie."""
    form = parse_qs((await request.body()).decode("utf-8", "replace")[:2000], max_num_fields=5)
    token = form.get("token", [""])[0].strip()
    owner = await here.credentials.owner_by_token(token)
    if owner is None:
        return await _refused(here, request, "login token")
    return await _let_in(here, owner, await here.credentials.new_cookie(owner, token))


@router.post("/logout")
async def leave(request: Request, owner: Owner, here: Here) -> Response:
    await here.credentials.forget(request.cookies.get(here.settings.cookie, ""))
    await here.note(owner, "logout")
    answer = RedirectResponse("/login", status_code=303)
    answer.delete_cookie(here.settings.cookie, path="/", secure=here.settings.secure, httponly=True, samesite="strict")
    return answer


async def _let_in(here: Service, owner: str, cookie: str) -> Response:
    """The page that sets the cookie goes on by itself: after a redirect from elsewhere a browser would not send it."""
    await here.note(owner, "login")
    answer = _page('<meta http-equiv="refresh" content="0;url=/">', '<p>Welcome. <a href="/">Go on</a></p>')
    answer.set_cookie(
        here.settings.cookie,
        cookie,
        max_age=int(here.settings.login),
        path="/",
        secure=here.settings.secure,
        httponly=True,
        samesite="strict",
    )
    return answer


async def _refused(here: Service, request: Request, reason: str) -> Response:
    """Only so many go into the audit log, which nobody may fill from outside; the rest wait."""
    peer = request.client.host if request.client else ""
    if here.refused.take(peer):
        return _asked(_WRONG, status=429)
    await here.note("", "refused", reason=reason, peer=peer)
    return _asked(_WRONG, status=403)


def _asked(said: str, *, status: int = 200) -> Response:
    return _page("", _FORM.format(said=escape(said)), status=status)


def _page(head: str, body: str, *, status: int = 200) -> HTMLResponse:
    content = _PAGE.format(head=head, body=body)
    return HTMLResponse(content, status_code=status, headers={"content-security-policy": FORM})
