"""How a request gets in, with its owner, and out again with an error in OpenAI's form if there is one."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from codeact.errors import CodeActError
from codeact.server.openai.connection import Json
from codeact.server.openai.errors import InvalidRequestError, Refusal, RefusedError, refusal

Owner = Callable[..., str | Awaitable[str]]
"""A dependency: the name of whoever sent a request, by its bearer token. Raises an `HTTPException` for strangers."""

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_log = logging.getLogger(__name__)


def told(error: Exception) -> Refusal:
    """`refusal`, and a line in the log for what is nobody's but our own fault."""
    refused = refusal(error)
    if refused.status >= 500 and not isinstance(error, RefusedError):
        _log.error("a request failed: %s", error, exc_info=None if isinstance(error, CodeActError) else error)
    return refused


class OpenAIRoute(APIRoute):
    """A route whose errors, also those of reading its body, are worded as OpenAI's clients read them."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                await check_text(request)
                return await handle(request)
            except Exception as error:  # noqa: BLE001 (the edge: what is no CodeActError is a bug, and told as a failure)
                refused = told(error)
                return Json(refused.body, status_code=refused.status, headers=dict(refused.headers))

        return answer


async def check_text(request: Request) -> None:
    """Raises `InvalidRequestError` for JSON with half a character in it, which could not be written anywhere."""
    if not request.headers.get("content-type", "").startswith("application/json"):
        return
    body = await request.body()
    if not _SURROGATE.search(body):
        return
    try:
        text = json.dumps(json.loads(body), ensure_ascii=False)
    except (ValueError, RecursionError):  # whoever reads it next will say so
        return
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidRequestError("a text holds half a character: a surrogate without its other half") from None
