"""Pictures that code has made, where a client or a browser is to show them."""

from __future__ import annotations

from base64 import b64encode
from typing import Final

PICTURES: Final = ("image/png", "image/jpeg", "image/gif", "image/webp")  # what may be shown: no browser runs it


def data_url(data: bytes, mime: str) -> str:
    """A picture as its own address."""
    return f"data:{mime};base64,{b64encode(data).decode('ascii')}"
