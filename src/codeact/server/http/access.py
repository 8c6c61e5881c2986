"""Around everything: an id for each request, its line in the log, its count, and an answer where nobody gave one."""

from __future__ import annotations

import logging
import re
import secrets
import time
from dataclasses import dataclass
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from codeact.server.http.callers import caller_in
from codeact.server.http.headers import complete
from codeact.server.http.metrics import Requests
from codeact.server.http.problems import REQUEST_ID, failures
from codeact.server.http.wording import refused

access: Final = logging.getLogger("codeact.server.access")
SECRET_PATHS: Final = re.compile(r"(/shared/|/shares/|/s/)[^/]+")  # what follows is the token of a share
_UNPRINTABLE: Final = re.compile(r"[^\x21-\x7e]")


@dataclass(slots=True)
class Access:
    """ASGI middleware, the outermost."""

    app: ASGIApp
    requests: Requests
    tls: bool

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        id, began, status, path = secrets.token_hex(8), time.monotonic(), 0, shown(scope["path"])  # mounts cut it short
        scope[REQUEST_ID] = id

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                status = message["status"]
                headers = complete(message.get("headers", ()), tls=self.tls)
                message = {**message, "headers": [*headers, (b"x-request-id", id.encode())]}
            elif message["type"] == "websocket.accept":
                status = 101
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except Exception:  # whatever it is, nothing of it may get out; the log has it under the same id
            failures.exception("request %s: %s %s", id, scope.get("method", "WS"), path)
            if status:  # too late for an answer: the server closes the connection, and the client sees that it was cut
                raise
            if scope["type"] == "http":
                why = f"the service failed; its log has it under {id}"
                await refused(scope["path"], 500, why)(scope, receive, watched)
        finally:
            self._count(scope, path, status, time.monotonic() - began, id)

    def _count(self, scope: Scope, path: str, status: int, took: float, id: str) -> None:
        method, caller = scope.get("method", "WS"), caller_in(scope)
        route = getattr(scope.get("route"), "path", "")
        self.requests.count(method, route, status, took)
        owner = caller.owner if caller else "-"
        access.info("%s %s %s %d %.3f s owner=%s", id, method, path, status, took, owner)


def shown(path: str) -> str:
    """A path as the log may have it: on one line, without tokens of shares. Queries never get there."""
    return _UNPRINTABLE.sub("?", SECRET_PATHS.sub(r"\1*", path))[:300]
