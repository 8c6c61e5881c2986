"""The door: who does not get past it reaches no route, no page and no websocket. Everything is closed unless listed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, cast

from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from codeact.errors import StoreError
from codeact.server.http.callers import Caller, caller_in, remember
from codeact.server.http.credentials import Credentials
from codeact.server.http.lasting import Lasting
from codeact.server.http.origin import SAFE, host_allowed, refusal
from codeact.server.http.problems import REQUEST_ID, failures, retry_after
from codeact.server.http.rate import Rate
from codeact.server.http.settings import HttpSettings
from codeact.server.http.wording import of_error, refused

HEALTH: Final = frozenset({"/healthz", "/readyz"})
OPEN: Final = HEALTH | {"/login"}
SHARED: Final = "/shared/"


@dataclass(slots=True)
class Guard:
    """ASGI middleware for requests and websockets alike: host, user, origin, rate."""

    app: ASGIApp
    settings: HttpSettings
    credentials: Credentials
    lasting: Lasting
    rate: Rate = field(init=False)
    visits: Rate = field(init=False)  # of those who need no token, by address
    failures: Rate = field(init=False)  # of those who have no right token, by address

    def __post_init__(self) -> None:
        self.rate = Rate(self.settings.rate, self.settings.burst)
        self.visits = Rate(self.settings.rate, self.settings.burst)
        self.failures = Rate(0.5, 20)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        try:
            answer = await self._refusal(HTTPConnection(scope))
        except StoreError as error:
            failures.error("request %s: %s", scope.get(REQUEST_ID, "-"), error)
            answer = of_error(scope["path"], error)
        if answer is None:
            answer = await self._let_in(HTTPConnection(scope), receive, send)
        if answer is None:
            return None
        if scope["type"] == "http":
            return await answer(scope, receive, send)
        return await _refuse_websocket(scope, answer, receive, send)

    async def _let_in(self, asked: HTTPConnection, receive: Receive, send: Send) -> Response | None:
        """Answer for as long as the caller is known. What else to answer where that ended before anything was said."""
        if (caller := caller_in(asked.scope)) is None:
            await self.app(asked.scope, receive, send)
            return None
        by, secret = self._presented(asked)

        async def known() -> bool:
            return await self._owner_by(by, secret) == caller.owner

        answered = await self.lasting.serve(self.app, known, asked.scope, receive, send)
        return None if answered else self._unknown(asked, 0.0)

    async def _owner_by(self, by: Literal["token", "cookie"], secret: str) -> str | None:
        return await (self.credentials.owner_by_token if by == "token" else self.credentials.owner_by_cookie)(secret)

    async def _refusal(self, asked: HTTPConnection) -> Response | None:
        hosts = asked.headers.getlist("host")
        path = asked.scope["path"]
        if len(hosts) != 1 or not host_allowed(hosts[0], self.settings.hosts):
            return refused(path, 403, "this service is not known by that name; see --allow-host", kind="host")
        caller, wait = await self._caller(asked)
        if caller is None and not self._open(path):
            return self._unknown(asked, wait)
        if why := self._cross_origin(asked, caller):
            return refused(path, 403, why, kind="origin")
        if caller is None:
            return None if path in HEALTH else self._over_rate(path, self.visits, _peer(asked))
        remember(asked.scope, caller)
        return self._over_rate(path, self.rate, caller.owner)

    async def _caller(self, asked: HTTPConnection) -> tuple[Caller | None, float]:
        """Who asks; else the seconds after which this address may have a token or cookie looked up again.

        What was right lately is looked up always, also where others guess behind the same address; all else only so
        often, and before the database is asked: a stranger must not keep that busy.
        """
        by, secret = self._presented(asked)
        if not secret:
            return None, self.failures.take(_peer(asked)) if self._is_private(asked) else 0.0
        proven = self.credentials.proven(secret)
        if not proven and (wait := self.failures.take(_peer(asked))):
            return None, wait
        owner = await self._owner_by(by, secret)
        if owner is None:
            return None, 0.0
        if not proven:
            self.failures.give_back(_peer(asked))
        return Caller(owner, by), 0.0

    def _presented(self, asked: HTTPConnection) -> tuple[Literal["token", "cookie"], str]:
        """A token counts before a cookie, and a wrong token is not mended by a right cookie."""
        scheme, _, token = asked.headers.get("authorization", "").partition(" ")
        if scheme:
            return "token", token.strip() if scheme.lower() == "bearer" else ""
        return "cookie", asked.cookies.get(self.settings.cookie, "")

    def _is_private(self, asked: HTTPConnection) -> bool:
        """Whether it is refused to whoever has no token, by more than a way to the login page."""
        return not self._open(asked.scope["path"]) and not _wants_page(asked)

    def _open(self, path: str) -> bool:
        return path in OPEN or path.startswith((SHARED, *self.settings.public))

    def _cross_origin(self, asked: HTTPConnection, caller: Caller | None) -> str | None:
        """A token is sent by nobody but who has it; all else a page of another origin may have caused."""
        if caller is not None and caller.by == "token":
            return None
        upgrade, method = asked.scope["type"] == "websocket", cast("str", asked.scope.get("method", "GET"))
        if caller is None and method in SAFE and not upgrade:
            return None
        return refusal(method, asked.headers, tls=self.settings.secure, upgrade=upgrade)

    def _unknown(self, asked: HTTPConnection, wait: float) -> Response:
        if _wants_page(asked):
            return RedirectResponse("/login", status_code=303)
        path = asked.scope["path"]
        if wait:
            why = "too many requests without a right token"
            return refused(path, 429, why, kind="rate", headers=retry_after(wait))
        challenge = {"www-authenticate": 'Bearer realm="codeact"'}
        return refused(path, 401, "a token is needed: Authorization: Bearer …", headers=challenge)

    def _over_rate(self, path: str, rate: Rate, who: str) -> Response | None:
        wait = rate.take(who)
        if not wait:
            return None
        return refused(
            path,
            429,
            f"more than {self.settings.rate:g} requests a second; wait a little",
            kind="rate",
            headers=retry_after(wait),
        )


def _peer(asked: HTTPConnection) -> str:
    return asked.client.host if asked.client else ""


def _wants_page(asked: HTTPConnection) -> bool:
    """A person's browser, which is shown where to log in; a program is told what is wrong."""
    return (
        asked.scope["type"] == "http"
        and asked.scope["method"] == "GET"
        and "authorization" not in asked.headers
        and "text/html" in asked.headers.get("accept", "")
    )


async def _refuse_websocket(scope: Scope, answer: Response, receive: Receive, send: Send) -> None:
    """With an answer where the server can give one to a handshake, else by closing: the client sees a 403."""
    if "websocket.http.response" in scope.get("extensions", {}):
        await answer(scope, receive, send)
    else:
        await send({"type": "websocket.close", "code": 1008})
