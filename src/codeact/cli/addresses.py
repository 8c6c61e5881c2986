"""Addresses to listen on, as they are given to a command."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

from codeact.errors import SetupError, UsageError


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


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches it."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def listen(host: str, port: int) -> socket.socket:
    """Raises `SetupError`: it is taken, or not this machine's."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        raise SetupError(f"cannot listen on {host}:{port}: {error.strerror or error}") from error


def url_of(listening: socket.socket, path: str) -> str:
    """By which a program of this machine finds it."""
    host, port = listening.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, str(host))  # noqa: S104 -- compared, not bound
    return f"http://[{shown}]:{port}{path}" if ":" in shown else f"http://{shown}:{port}{path}"
