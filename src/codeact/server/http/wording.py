"""What is answered before any route or without one, in the words of the protocol that is spoken at that path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import Request

from codeact.errors import CodeActError
from codeact.server.http import problems
from codeact.server.openai.errors import Refusal, of_status, refusal

OPENAI: Final = "/v1/"  # below it, errors are as OpenAI's clients read them


def refused(
    path: str, status: int, detail: str, *, kind: str | None = None, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """See `problems.problem`."""
    if path.startswith(OPENAI):
        return _worded(of_status(status, detail, headers or {}))
    return problems.problem(status, detail, kind=kind, headers=headers)


def of_error(path: str, error: CodeActError) -> JSONResponse:
    """See `problems.of_error`."""
    return _worded(refusal(error)) if path.startswith(OPENAI) else problems.of_error(error)


async def of_http(request: Request, error: Exception) -> JSONResponse:
    """For what an application has no route for."""
    assert isinstance(error, HTTPException)
    path, detail = request.scope["path"], error.detail
    if path.startswith(OPENAI) and error.status_code in (404, 405):
        detail = f"{request.method} {path[:200]} is not supported here; docs/openai.md lists what is"
    return refused(path, error.status_code, detail, headers=error.headers)


def _worded(refused: Refusal) -> JSONResponse:
    return JSONResponse(refused.body, status_code=refused.status, headers=dict(refused.headers))
