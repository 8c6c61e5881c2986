"""Errors in OpenAI's form: the status and the type that its clients turn into their exceptions.

A client tries 408, 409, 429 and 5xx again by itself, unless `x-should-retry` says that this is of no use.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fastapi.exceptions import RequestValidationError
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
_NO_RETRY = {"x-should-retry": "false"}
_TYPES = {401: "authentication_error", 403: "permission_error", 404: _INVALID, 429: "rate_limit_error"}
_HIDDEN = "the service failed; its log says why"  # what broke is nothing for a client to know


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


def refusal(error: Exception) -> Refusal:
    """What a client is told of an error. Of what is neither its own fault nor the model's: nothing but that."""
    match error:
        case InvalidRequestError():
            return Refusal(status=400, message=str(error), param=error.param, code=error.code)
        case ContextLengthError():
            return Refusal(status=400, message=str(error), param="messages", code="context_length_exceeded")
        case UsageError() | UnsupportedError() | TransferError():
            return Refusal(status=400, message=str(error))
        case NotFoundError():
            return Refusal(status=404, message=str(error), code="not_found")
        case ConflictError():
            return Refusal(status=409, message=str(error), type="conflict_error", code="conflict")
        case QuotaError():
            return _over_quota(error)
        case RateLimitError():
            return Refusal(status=429, message=str(error), type="rate_limit_error", code="rate_limit_exceeded")
        case ModelError():
            return Refusal(status=502, message=str(error), type="server_error", code="model_error")
        case StoreError():
            return Refusal(status=503, message=str(error), type="server_error", code="unavailable")
        case RequestValidationError():
            return _misread(error)
        case HTTPException():
            return _of_status(error)
        case _:
            known = "sandbox_error" if isinstance(error, CodeActError) else None
            return Refusal(status=500, message=_HIDDEN, type="server_error", code=known)


def _over_quota(error: QuotaError) -> Refusal:
    headers = _NO_RETRY if error.again is None else {"retry-after": str(max(1, round(error.again)))}
    code = "insufficient_quota" if error.again is None else "rate_limit_exceeded"
    return Refusal(status=429, message=str(error), type="rate_limit_error", code=code, headers=headers)


def _misread(error: RequestValidationError) -> Refusal:
    """The first thing that is wrong with a body, as OpenAI words it."""
    found: dict[str, JSON] = dict(error.errors()[0])
    places: list[str | int] = [place for place in found.get("loc", ()) if place != "body"]
    param = "".join(f"[{place}]" if isinstance(place, int) else f".{place}" for place in places).lstrip(".")
    return Refusal(status=400, message=f"{param or 'body'}: {found.get('msg', 'wrong')}", param=param or None)


def _of_status(error: HTTPException) -> Refusal:
    status, fallback = error.status_code, "server_error" if error.status_code >= 500 else _INVALID
    return Refusal(
        status=status,
        message=str(error.detail),
        type=_TYPES.get(status, fallback),
        code="invalid_api_key" if status == 401 else None,
        headers=error.headers or {},
    )
