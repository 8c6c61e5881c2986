"""A socket to listen on, and its address: for every command that serves. Needs no library."""

from __future__ import annotations

import ipaddress
import socket
from typing import Final

from codeact.errors import SetupError, UsageError

UNREAD: Final = 60_000  # milliseconds after which the kernel ends a connection whose peer takes no data


def is_loopback(host: str) -> bool:
    """Whether all addresses of a host are this machine's own. Raises `UsageError` for a host that has none."""
    try:
        found = socket.getaddrinfo(host or None, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise UsageError(f"{host!r} is no address of this machine: {error}") from error
    return all(ipaddress.ip_address(str(each[4][0]).partition("%")[0]).is_loopback for each in found)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Connections inherit that the kernel ends them when their peer reads nothing for a minute.

    Raises:
        SetupError: the address is taken, or not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.IPPROTO_TCP, getattr(socket, "TCP_USER_TIMEOUT", 18), UNREAD)
        listening.bind((host, port))
        listening.listen(512)
    except OSError as error:
        listening.close()
        raise SetupError(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
    return listening


def url_of(listening: socket.socket, path: str = "", *, tls: bool = False) -> str:
    """By which a program on this machine finds it."""
    host, port = listening.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, str(host))  # noqa: S104 -- compared, not bound
    name = f"[{shown}]" if ":" in shown else shown
    return f"{'https' if tls else 'http'}://{name}:{port}{path}"
