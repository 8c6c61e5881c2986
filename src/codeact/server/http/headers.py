"""Headers that every answer has unless it says otherwise, and those of content that somebody else wrote."""

from __future__ import annotations

import re
from collections.abc import Iterable, MutableMapping
from typing import Final
from urllib.parse import quote

from codeact.server.pictures import PICTURES

# An answer of the API is data: nothing in it may load, run, frame or be framed.
STRICT: Final = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
FORM: Final = (  # of our login page: a form, its style and nothing else
    "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; style-src 'unsafe-inline'"
)
ALWAYS: Final = {
    "content-security-policy": STRICT,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "cache-control": "no-store",
}
HSTS: Final = "max-age=31536000"
_PLAIN = re.compile(r"[^A-Za-z0-9._-]+")


def complete(raw: Iterable[tuple[bytes, bytes]], *, tls: bool) -> list[tuple[bytes, bytes]]:
    """The headers of an answer with those that it lacks."""
    given = [(name.lower(), value) for name, value in raw]
    has = {name for name, _ in given}
    wanted = {**ALWAYS, "strict-transport-security": HSTS} if tls else ALWAYS
    return [*given, *((name.encode(), value.encode()) for name, value in wanted.items() if name.encode() not in has)]


def attachment(name: str) -> MutableMapping[str, str]:
    """For a file that code or a model has made: it is saved, never shown as a page of ours."""
    plain = _PLAIN.sub("_", name).strip("._")[:100] or "file"
    exact = quote(name.encode("utf-8", "replace")[:200], safe="")
    return {"content-disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{exact}"}


def kind_shown(kind: str) -> str | None:
    """The media type if a browser may show it as it is; None: to be saved."""
    bare = kind.partition(";")[0].strip().lower()
    return bare if bare in PICTURES else None
