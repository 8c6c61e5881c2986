"""What went wrong at an endpoint, as one clear sentence with the remedy, and whether another try makes sense.

Both vendors' SDKs and all the compatible servers say the same things in many ways; here they become our own few. The
key is never part of a sentence.
"""

from __future__ import annotations

import json
import os
import re
import ssl
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

import anyio
import httpx2

from codeact.errors import (
    AuthenticationError,
    BadResponseError,
    ConnectionLostError,
    ContextLengthError,
    ModelError,
    RateLimitError,
)
from codeact.models.endpoint import Endpoint, shown
from codeact.models.retries import Failure, retry_after
from codeact.models.untrusted import fields, text
from codeact.types import JSON

# In the middle of an answer, the SDKs let the errors of their HTTP library through, and that those of TLS, …
LOST = (httpx2.RequestError, ssl.SSLError, anyio.EndOfStream)
# … and whatever the reading of an answer that is not JSON raises, or of one that is nested too deep.
GARBLED = (json.JSONDecodeError, UnicodeDecodeError, RecursionError)

WORDS = 300  # characters of an endpoint's own words that are passed on

TOO_LONG = re.compile(
    r"context[_ ](?:length|size|window)|maximum context|exceed_context|prompt is too long|input is too long|"
    r"too many (?:input )?tokens|maximum (?:input|prompt) length",
    re.IGNORECASE,
)
FILTERED = re.compile(r"content_filter|content_policy|responsible ?ai", re.IGNORECASE)
QUOTA = re.compile(r"insufficient_quota|billing|credit balance", re.IGNORECASE)
REFUSED = re.compile(
    r"unsupported|not (?:be )?support|not permitted|not allowed|unrecogni[sz]ed|unknown|unexpected|"
    r"extra (?:inputs|fields)|only the default|deprecated|does not (?:accept|take)",
    re.IGNORECASE,
)

# How the vendors name errors that come in the middle of a stream, after status 200.
STATUS_OF_TYPE = {
    "overloaded_error": 529,
    "rate_limit_error": 429,
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "invalid_request_error": 400,
    "exceed_context_size_error": 400,
}


def answered(place: Endpoint, status: int, headers: Mapping[str, str], body: JSON) -> Failure:
    """The endpoint answered with an error status. `body` is JSON, or text where it was none."""
    return replace(_judged(place, status, headers, body), status=status, body=body)


def _judged(place: Endpoint, status: int, headers: Mapping[str, str], body: JSON) -> Failure:
    said = _said(place, body)
    if status in {400, 413, 422, 500} and (status == 413 or TOO_LONG.search(_whole(body))):
        return Failure(
            error=ContextLengthError(
                f"the conversation no longer fits into the context of {place.name}{said}; "
                "use a model with a larger context or start a new conversation"
            )
        )
    if 300 <= status < 400:
        return Failure(error=_redirected(place, headers.get("location", "")))
    if status in {401, 403}:
        return Failure(error=_not_allowed(place, status, said))
    if status == 404:
        return Failure(error=_not_found(place, body, said))
    if status == 429:
        return _rate_limited(place, headers, body, said)
    if status in {408, 409} or status >= 500:
        error = BadResponseError(f"{place.shown_url} failed with status {status}{said}")
        return Failure(error=error, retry=_may_retry(headers), wait=retry_after(headers))
    if _is_html(body):
        return html(place)
    return Failure(error=BadResponseError(f"{place.shown_url} refused the request with status {status}{said}"))


def reported(place: Endpoint, body: JSON) -> Failure:
    """The endpoint reported an error inside of an answer that had begun well."""
    error = fields(fields(body).get("error")) or fields(body)
    code = str(error.get("code"))  # a status on vLLM and OpenRouter, a word elsewhere
    status = int(code) if re.fullmatch(r"[45]\d\d", code) else STATUS_OF_TYPE.get(text(error.get("type")), 500)
    return answered(place, status, {}, body)


def html(place: Endpoint) -> Failure:
    return Failure(
        error=BadResponseError(
            f"{place.shown_url} answered with HTML instead of JSON: is base_url right? "
            f"{'It should end in /v1' if place.vendor.base_url.endswith('/v1') else 'It should not end in /v1'}"
        )
    )


def broken(place: Endpoint, what: str) -> Failure:
    """An answer that is not the protocol. Another try may do better: half a packet looks the same."""
    return Failure(error=BadResponseError(f"{place.shown_url} answered with {what}"), retry=True)


def cut(place: Endpoint) -> Failure:
    return Failure(
        error=ConnectionLostError(f"{place.shown_url} ended its answer in the middle, without saying why"), retry=True
    )


def lost(place: Endpoint, error: BaseException) -> Failure:
    """There was no connection, it broke, or nothing came over it."""
    causes = list(_causes(error))
    options = place.options
    if any(isinstance(cause, httpx2.ConnectTimeout) for cause in causes):
        what = f"cannot connect to {place.shown_url} within {options.connect_timeout:g} seconds: is it the right host?"
    elif any(isinstance(cause, httpx2.TimeoutException) for cause in causes):
        what = (
            f"{place.shown_url} sent nothing for {options.timeout:g} seconds; if it is just slow, set a longer timeout="
        )
    elif any(isinstance(cause, httpx2.ConnectError) for cause in causes):
        what = f"cannot connect to {place.shown_url} ({_reason(causes)}): is the server running, and base_url right?"
    else:
        what = f"the connection to {place.shown_url} broke ({_reason(causes)})"
    wrong_certificate = any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes)
    return Failure(error=ConnectionLostError(what), retry=not wrong_certificate)


def refused_parameter(failure: Failure, sent: Collection[str]) -> str | None:
    """Which parameter of a request the endpoint does not take, where that is what its answer says."""
    whole = _whole(failure.body)
    if failure.status not in {400, 422} or not REFUSED.search(whole) or TOO_LONG.search(whole):
        return None
    named = text(fields(failure.body).get("param"))
    if named in sent:
        return named
    return next((name for name in sent if re.search(rf"\b{name}\b", whole)), None)


def is_filtered(failure: Failure) -> bool:
    """A refusal by the content filter, before the model wrote anything."""
    return failure.status == 400 and FILTERED.search(_whole(failure.body)) is not None


def _not_allowed(place: Endpoint, status: int, said: str) -> ModelError:
    if status == 401:  # the vendors' own words quote parts of the key
        return AuthenticationError(
            f"{place.shown_url} refused the API key; check {place.vendor.key_variable} or the api_key argument"
        )
    return AuthenticationError(f"{place.shown_url} does not let this API key use {place.model}{said}")


def _redirected(place: Endpoint, location: str) -> ModelError:
    try:
        target = shown(str(httpx2.URL(place.url).join(location)))[:WORDS]
    except httpx2.InvalidURL:
        target = "an address that is none"
    return BadResponseError(
        f"{place.shown_url} redirects to {target}; that is not followed, because the headers would go there too: "
        "if it is the right place, set base_url accordingly"
    )


def _not_found(place: Endpoint, body: JSON, said: str) -> ModelError:
    if "model" in _whole(body).lower() and not _is_html(body):
        return BadResponseError(f"{place.shown_url} has no model {place.model!r}{said}; check the name")
    if _is_html(body):
        return html(place).error
    return BadResponseError(
        f"{place.shown_url} is not the address of a model (status 404); check base_url, which usually ends like "
        f"{place.vendor.base_url}"
    )


def _rate_limited(place: Endpoint, headers: Mapping[str, str], body: JSON, said: str) -> Failure:
    wait = retry_after(headers)
    if QUOTA.search(_whole(body)):
        return Failure(error=RateLimitError(f"the account behind this API key has no credit left{said}"))
    asked = "" if wait is None else f" and asks to wait {wait:g} seconds"
    error = RateLimitError(f"{place.shown_url} limits the rate of requests{asked}{said}")
    return Failure(error=error, retry=_may_retry(headers), wait=wait)


def _may_retry(headers: Mapping[str, str]) -> bool:
    return headers.get("x-should-retry") != "false"  # both vendors' way to say that it will not help


def _is_html(body: JSON) -> bool:
    return isinstance(body, str) and re.match(r"\s*<(?:!doctype|html|head|body)", body, re.IGNORECASE) is not None


def _said(place: Endpoint, body: JSON) -> str:
    """The endpoint's own words, to follow a sentence of ours: ": …", or nothing."""
    words = " ".join(("" if _is_html(body) else _message(body)).split()).rstrip(".")
    if len(place.api_key) >= 8:
        words = words.replace(place.api_key, "[key]")
    return f": {words[:WORDS]}{'…' if len(words) > WORDS else ''}" if words else ""


def _message(body: JSON) -> str:
    found = fields(body)
    inner = next((found[key] for key in ("message", "error", "detail") if found.get(key)), None)
    return _whole(body) if inner is None else _message(inner)


def _whole(body: JSON) -> str:
    if body is None:
        return ""
    return body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)


def _causes(error: BaseException) -> Iterator[BaseException]:
    current: BaseException | None = error
    for _ in range(10):
        if current is None:
            return
        yield current
        current = current.__cause__ or current.__context__


def _reason(causes: list[BaseException]) -> str:
    """The most telling of the causes in a few words: the system's own, where it has one."""
    for cause in reversed(causes):
        if isinstance(cause, OSError) and cause.errno:
            return cause.strerror if cause.errno < 0 and cause.strerror else os.strerror(cause.errno)
    return str(next((cause for cause in reversed(causes) if str(cause)), causes[0]))
