"""Listening sockets on the session's own loopback, made for the host to accept on."""

from __future__ import annotations

import contextlib
import socket

_BACKLOG = 128


def listen(port: int) -> list[int]:
    """Descriptors of sockets that listen on 127.0.0.1 and, where this kernel has it, on ::1. The caller owns them.

    Raises:
        OSError: the port is taken.
    """
    with socket.create_server(("127.0.0.1", port), backlog=_BACKLOG) as four:
        fds = [four.detach()]
    with (
        contextlib.suppress(OSError),
        socket.create_server(("::1", port), family=socket.AF_INET6, backlog=_BACKLOG) as six,
    ):
        fds.append(six.detach())
    return fds
