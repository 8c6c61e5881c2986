"""A chat is awake in one replica: what is asked for it of another one is passed on to that one, as it came.

With the caller's own token or cookie and nothing besides, which the other replica looks up for itself, as it does the
chat's owner, the host and the origin. So no replica trusts another, and whoever asks here may no more than there. What
is read from the database (runs, events, figures, exports) is answered by whichever replica is asked.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Final
from urllib.parse import quote

import httpx2
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from codeact.errors import StoreError
from codeact.server.house import House
from codeact.server.http.origin import SAFE
from codeact.server.http.problems import failures, problem, retry_after
from codeact.server.replica import address_of, has_ended

MARK: Final = b"x-codeact-passed-on"  # a request goes on once: two replicas that disagree must not play ball with it
PATIENCE: Final = httpx2.Timeout(900.0, connect=5.0)  # seconds; a cell of the user's may take 600
_CHAT: Final = re.compile(r"/sessions/([A-Za-z0-9_-]{1,128})(/.{0,8000})?")
_OF_SESSION: Final = ("/files", "/variables")  # what of a chat is read from its interpreter
_OF_STORE: Final = "/shares"  # what of a chat is changed without it
_OF_CONNECTION: Final = frozenset(  # RFC 9110, section 7.6.1
    [b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"te", b"trailer", b"upgrade"]
) | {b"proxy-connection", b"transfer-encoding"}


@dataclass(slots=True)
class Forward:
    """ASGI middleware, behind the door."""

    app: ASGIApp
    house: House

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        chat = _chat_in(scope)
        address = await elsewhere(self.house, chat, scope) if chat else None
        await (self.app if address is None else PassedOn(address))(scope, receive, send)


def _chat_in(scope: Scope) -> str | None:
    """The chat whose interpreter is needed for a request."""
    if scope["type"] != "http" or (found := _CHAT.fullmatch(scope["path"])) is None:
        return None
    rest = found[2] or ""
    needed = rest.startswith(_OF_SESSION) if scope["method"] in SAFE else not rest.startswith(_OF_STORE)
    plain = not {".", ".."}.intersection(rest.split("/"))  # or an address would be made shorter on its way
    return found[1] if needed and plain else None


async def elsewhere(house: House, chat: str, scope: Scope) -> str | None:
    """The address of the other replica that has a chat awake; None where there is none, or it is not reached."""
    if address_of(house.shared.replica) is None or any(name == MARK for name, _ in scope["headers"]):
        return None
    try:
        holder = await house.store.holder(chat)
    except StoreError:  # whoever answers the request meets it too, and says so
        return None
    if holder is None or holder == house.shared.replica or has_ended(holder):
        return None
    return address_of(holder)


class PassedOn(Response):
    """The answer of the replica at an address to this request. `body`: where it has been read already."""

    def __init__(self, address: str, body: bytes | None = None) -> None:
        super().__init__()
        self._address, self._body = address, body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        query = f"?{scope['query_string'].decode('ascii')}" if scope["query_string"] else ""
        request = httpx2.Request(
            scope["method"],
            self._address + quote(scope["path"]) + query,
            headers=[*_passing(scope["headers"]), (MARK, b"1")],
            content=self._body if self._body is not None else _body(scope, receive),
        )
        async with httpx2.AsyncClient(trust_env=False, verify=_trusted(), timeout=PATIENCE) as http:
            refusal = await self._answer(http, request, send)
        if refusal is not None:
            await refusal(scope, receive, send)

    async def _answer(self, http: httpx2.AsyncClient, request: httpx2.Request, send: Send) -> Response | None:
        """What to say instead, where there was no answer to pass back."""
        try:
            answer = await http.send(request, stream=True)
        except httpx2.TransportError as error:
            failures.error("the replica at %s does not answer: %s", self._address, str(error) or type(error).__name__)
            why = "the replica of the service that has this chat awake does not answer; try again later"
            return problem(503, why, kind="replica", headers=retry_after(5.0))
        except HTTPException as error:  # of the body: too large, too slow
            return problem(error.status_code, error.detail)
        except ClientDisconnect:
            return None
        if answer.status_code == 401:
            return problem(409, "this chat is awake in another replica, which does not know this token or cookie")
        await _pass_back(answer, send)
        return None


async def _pass_back(answer: httpx2.Response, send: Send) -> None:
    headers = [(name, value) for name, value in _passing(answer.headers.raw) if name.lower() != b"x-request-id"]
    await send({"type": "http.response.start", "status": answer.status_code, "headers": headers})
    async for piece in answer.aiter_raw():
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def _passing(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in headers if name.lower() not in _OF_CONNECTION]


def _body(scope: Scope, receive: Receive) -> AsyncIterator[bytes] | None:
    announced = any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])
    return _pieces(receive) if announced else None


async def _pieces(receive: Receive) -> AsyncIterator[bytes]:
    """The body as it comes. Raises `ClientDisconnect`."""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        more = message.get("more_body", False)
        yield message.get("body", b"")


@cache
def _trusted() -> ssl.SSLContext:
    """The authorities that this machine trusts; reading them takes longer than a request."""
    return ssl.create_default_context()
