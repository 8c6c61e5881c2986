"""Errors in OpenAI's form: the status and the type that its clients turn into their exceptions.

A client tries 408, 409, 429 and 5xx again by itself, unless `x-should-retry` says that this is of no use.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from codeact.errors import (
    CodeActError,
    ConflictError,
    ContextLengthError,
    ModelError,
    NotFoundError,
    QuotaError,
    RateLimitError,
    StoreError,
    TransferError,
    UnsupportedError,
    UsageError,
)
from codeact.types import JSON

_INVALID = "invalid_request_error"
NO_RETRY = {"x-should-retry": "false"}
_TYPES = {401: "authentication_error", 403: "permission_error", 404: _INVALID, 429: "rate_limit_error"}
_CODES = {401: "invalid_api_key", 413: "request_too_large", 429: "rate_limit_exceeded"}
_NOT_STORED = "the database cannot be used now; try again later"
_HIDDEN = "the service failed; its log says why"  # what broke is nothing for a client to know


class WrittenError(BaseModel):
    message: str
    type: str
    param: str | None
    code: str | None


class ErrorBody(BaseModel):
    """What is wrong with a request, as OpenAI's clients read it."""

    error: WrittenError


RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorBody, "description": text}
    for status, text in {
        400: "The request cannot be read, or asks for what is not supported.",
        401: "No token, or a wrong one.",
        403: "A page of another origin asks, or by another name.",
        404: "There is no such thing, or it is another user's.",
        409: "It contradicts what is going on.",
        413: "The request is too large.",
        422: "Never: what does not fit its description is a 400.",
        429: "Too much at a time; `Retry-After` says when waiting helps.",
        502: "The model's endpoint failed.",
        503: "The database, the sandbox or the service is not ready.",
    }.items()
}


class InvalidRequestError(UsageError):
    """`param` is where in the request, in OpenAI's way of writing it: `messages[0].content`."""

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.param = param
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An error as it goes over the wire."""

    status: int
    message: str
    type: str = _INVALID
    param: str | None = None
    code: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def body(self) -> dict[str, JSON]:
        return {"error": {"message": self.message, "type": self.type, "param": self.param, "code": self.code}}


class RefusedError(Exception):
    """What has been told and logged already."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


def refusal(error: Exception) -> Refusal:
    """What a client is told of an error. Of what is neither its own fault nor the model's: nothing but that."""
    match error:
        case RefusedError():
            return error.refusal
        case RequestValidationError():
            return _misread(error)
        case HTTPException():
            return of_status(error.status_code, str(error.detail), error.headers or {})
        case ModelError():
            return _of_model(error)
        case InvalidRequestError():
            return Refusal(status=400, message=str(error), param=error.param, code=error.code)
        case UsageError() | UnsupportedError() | TransferError():
            return Refusal(status=400, message=str(error))
        case NotFoundError():
            return Refusal(status=404, message=str(error), code="not_found")
        case ConflictError():
            return Refusal(status=409, message=str(error), type="conflict_error", code="conflict")
        case QuotaError():
            return _over_quota(error)
        case StoreError():
            return Refusal(status=503, message=_NOT_STORED, type="server_error", code="unavailable")
        case _:
            known = "sandbox_error" if isinstance(error, CodeActError) else None
            return Refusal(status=500, message=_HIDDEN, type="server_error", code=known)


def _of_model(error: ModelError) -> Refusal:
    match error:
        case ContextLengthError():
            return Refusal(status=400, message=str(error), code="context_length_exceeded")
        case RateLimitError():
            return Refusal(status=429, message=str(error), type="rate_limit_error", code="rate_limit_exceeded")
        case _:
            return Refusal(status=502, message=str(error), type="server_error", code="model_error")


def _over_quota(error: QuotaError) -> Refusal:
    headers = NO_RETRY if error.again is None else {"retry-after": str(max(1, round(error.again)))}
    code = "insufficient_quota" if error.again is None else "rate_limit_exceeded"
    return Refusal(status=429, message=str(error), type="rate_limit_error", code=code, headers=headers)


def _misread(error: RequestValidationError) -> Refusal:
    """The first thing that is wrong with a body, as OpenAI words it."""
    found: dict[str, JSON] = dict(error.errors()[0])
    places = [place for place in found.get("loc", ()) if place not in ("body", "query")]
    param = _param(error.body, places, is_missing=found.get("type") == "missing")
    return Refusal(status=400, message=f"{param or 'body'}: {found.get('msg', 'wrong')}", param=param or None)


def _param(body: JSON, places: Sequence[str | int], *, is_missing: bool) -> str:
    """A place in a body; pydantic's also names the members of unions, which the body does not have."""
    param, is_query = "", body is None
    for at, place in enumerate(places):
        there: dict[str | int, JSON] = {}
        if isinstance(body, dict):
            there.update(cast("dict[str, JSON]", body))
        elif isinstance(body, list):
            there.update(enumerate(cast("list[JSON]", body)))
        if place in there or is_query or (is_missing and at == len(places) - 1):
            param += f"[{place}]" if isinstance(place, int) else f".{place}"
            body = there.get(place)
    return param.lstrip(".")


def of_status(status: int, message: str, headers: Mapping[str, str]) -> Refusal:
    """The refusal that has an HTTP status."""
    fallback = "server_error" if status >= 500 else _INVALID
    return Refusal(
        status=status, message=message, type=_TYPES.get(status, fallback), code=_CODES.get(status), headers=headers
    )
