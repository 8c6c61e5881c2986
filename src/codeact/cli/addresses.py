"""Addresses to listen on, as they are given to a command."""

from __future__ import annotations

from urllib.parse import urlsplit

from codeact.errors import UsageError


def parse_address(flag: str, text: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT`, `[HOST]:PORT` or `PORT`, which is one of this machine only.

    Raises:
        UsageError: it is none of these.
    """
    host, port = "127.0.0.1" if text.isdigit() else None, None
    try:
        parts = urlsplit(f"//{host}:{text}" if host else f"//{text}")
        if f"//{parts.netloc}" == parts.geturl() and parts.username is None:
            host, port = parts.hostname, parts.port
    except ValueError:
        pass
    if not host or port is None:
        raise UsageError(f"{flag} {text!r} should be HOST:PORT, as in 127.0.0.1:8322")
    return host, port
