"""Who asks, as a route sees it. The guard has found it out before any route is called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import Depends, Security
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.types import Scope

_KEY = "codeact.caller"


@dataclass(frozen=True, slots=True)
class Caller:
    owner: str
    by: Literal["token", "cookie"]


def remember(scope: Scope, caller: Caller) -> None:
    scope[_KEY] = caller


def caller_in(scope: Scope) -> Caller | None:
    """None on the few paths that anybody may ask for."""
    found = scope.get(_KEY)
    return found if isinstance(found, Caller) else None


def owner_of(connection: HTTPConnection) -> str:
    """The user who asks; also for a websocket, and for routes of other protocols.

    Raises:
        HTTPException: 401. Nothing is open by an oversight: a route that wants an owner never runs without one.
    """
    caller = caller_in(connection.scope)
    if caller is None:
        raise HTTPException(401, "a token is needed: Authorization: Bearer …")
    return caller.owner


_BEARER = HTTPBearer(auto_error=False, description="A token; `codeact serve` prints one, `--add-token` makes more.")


async def described_owner(connection: HTTPConnection, _: Annotated[object, Security(_BEARER)]) -> str:
    """`owner_of`, and the line in the API's description that says how one becomes an owner."""
    return owner_of(connection)


Owner = Annotated[str, Depends(described_owner)]
