"""Errors as the API says them: problem documents (RFC 9457) that name what is wrong and nothing of the machine."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request

from codeact.errors import (
    CodeActError,
    ConflictError,
    ModelError,
    NotFoundError,
    QuotaError,
    SetupError,
    StoreError,
    TransferError,
    UnsupportedError,
    UsageError,
)

MEDIA_TYPE: Final = "application/problem+json"
REQUEST_ID: Final = "codeact.request_id"  # in the scope of a request
failures: Final = logging.getLogger("codeact.server.failures")
_MINE: Final = "this is a failure of the service, not of the request; its log has it under this answer's x-request-id"


NOT_STORED: Final = "the database cannot be used now; try again later"  # what fails, with its paths, is in the log


class WrongField(BaseModel):
    where: str
    message: str


class Problem(BaseModel):
    """What is wrong with a request (RFC 9457)."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"type": "urn:codeact:not-found", "title": "Not Found", "status": 404, "detail": "no such chat"}
        }
    )

    type: str  # a name that programs can go by
    title: str
    status: int
    detail: str = ""
    errors: list[WrongField] | None = None  # of a request that does not fit its description


def problem(
    status: int,
    detail: str,
    *,
    kind: str | None = None,
    headers: Mapping[str, str] | None = None,
    errors: Sequence[WrongField] = (),
) -> JSONResponse:
    title = HTTPStatus(status).phrase
    name = kind or title.lower().replace(" ", "-")
    found = Problem(type=f"urn:codeact:{name}", title=title, status=status, detail=detail, errors=list(errors) or None)
    return JSONResponse(found.model_dump(exclude_none=True), status_code=status, headers=headers, media_type=MEDIA_TYPE)


def of_error(error: CodeActError) -> JSONResponse:
    """The answer for an error of ours: which branch of the tree it is on says who must act."""
    match error:
        case NotFoundError():
            return problem(404, str(error))
        case ConflictError():
            return problem(409, str(error))
        case QuotaError(again=None):
            return problem(429, str(error), kind="quota")
        case QuotaError(again=again):
            return problem(429, str(error), kind="quota", headers=retry_after(again))
        case StoreError():
            return problem(503, NOT_STORED, kind="store", headers=retry_after(5.0))
        case UsageError() | UnsupportedError():
            return problem(422, str(error), kind="usage")
        case TransferError():
            return problem(400, str(error), kind="transfer")
        case ModelError():
            return problem(502, str(error), kind="model")
        case SetupError():  # names files and settings of this machine, which are no user's business
            return problem(503, _MINE, kind="setup")
        case _:
            return problem(500, _MINE)


def retry_after(seconds: float | None) -> dict[str, str]:
    return {"retry-after": str(max(1, math.ceil(seconds or 1)))}


def install(app: FastAPI) -> None:
    """Let an application answer its errors as problem documents; those of HTTP itself are for `wording`."""
    app.add_exception_handler(CodeActError, _of_ours)
    app.add_exception_handler(RequestValidationError, _of_validation)


RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": text, "content": {MEDIA_TYPE: {}}}
    for status, text in {
        400: "The request cannot be read.",
        401: "No token, no cookie, or a wrong one.",
        403: "A page of another origin asks, or by another name.",
        404: "There is no such thing, or it is another user's.",
        409: "It contradicts what is going on.",
        413: "The request is too large.",
        422: "The request does not fit its description.",
        429: "Too much at a time; `Retry-After` says when waiting helps.",
        503: "The database, the sandbox or the service is not ready.",
    }.items()
}


async def _of_ours(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, CodeActError)
    answer = of_error(error)
    if (
        answer.status_code >= 500
    ):  # for who runs the service: what is wrong with it, and the remedy, may be said here only
        failures.error("request %s: %s", request.scope.get(REQUEST_ID, "-"), error)
    return answer


async def _of_validation(_: Request, error: Exception) -> JSONResponse:
    """What is wrong and where; never the value itself, which may be a secret or huge."""
    assert isinstance(error, RequestValidationError)
    wrong = [
        WrongField(where=".".join(map(str, each["loc"]))[:200], message=str(each["msg"])[:300])
        for each in error.errors()[:20]
    ]
    return problem(422, "the request does not fit its description", kind="validation", errors=wrong)
