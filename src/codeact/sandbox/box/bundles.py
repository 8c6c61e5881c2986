"""MIME bundles, as an agent's objects give them, made into what can be sent: texts and bytes by type."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

_TEXTUAL = ("image/svg+xml",)  # images that are text
_PREFERRED, _SPARE = "image/png", "image/jpeg"  # PIL gives both; one is enough


def parts(bundle: Mapping[Any, Any]) -> tuple[dict[str, str], dict[str, bytes]]:
    """Texts and bytes of a bundle. What an object has made wrongly is left out: the other forms still show it."""
    texts, blobs = dict[str, str](), dict[str, bytes]()
    for mime, data in bundle.items():
        if not isinstance(mime, str) or data is None:
            continue
        if isinstance(data, bytes | bytearray):
            blobs[mime] = bytes(data)
        elif not isinstance(data, str):
            texts[mime] = _as_json(data)
        elif not mime.startswith("image/") or mime in _TEXTUAL:
            texts[mime] = data
        elif (decoded := _decoded(data)) is not None:
            blobs[mime] = decoded
    if _PREFERRED in blobs:
        blobs.pop(_SPARE, None)
    return texts, blobs


def _decoded(data: str) -> bytes | None:
    try:
        return base64.b64decode(data, validate=False)
    except (binascii.Error, ValueError):
        return None


def _as_json(data: Any) -> str:
    try:
        return json.dumps(data, default=repr)
    except (TypeError, ValueError, RecursionError):  # keys that are no text, or a value inside itself
        return json.dumps(repr(data))
