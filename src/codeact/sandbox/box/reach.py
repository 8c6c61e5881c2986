"""Whether a cluster keeps its network policy: it tells every container the address of its own API server, so there is
always something to knock at. Which plugins keep policies, no API says.

Covers: connections from the box, by one address. Does not cover: connections to the box, other addresses.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import time
from dataclasses import dataclass

_ANSWER = 1.0  # seconds for a connection; a closed network drops packets rather than refuse them
_LOOK = 0.25


@dataclass(frozen=True, slots=True)
class Attempt:
    """A connection that is being made."""

    socket: socket.socket
    until: float

    def succeeds(self) -> bool:
        """Ends it."""
        with self.socket:
            poll = select.poll()
            poll.register(self.socket, select.POLLOUT)
            poll.poll(max(0.0, self.until - time.monotonic()) * 1000)
            try:
                self.socket.getpeername()
            except OSError:
                return False
            return True


@dataclass(frozen=True, slots=True)
class Door:
    """What should not open."""

    host: str
    port: int
    first: Attempt
    patience: float  # seconds until the policy must have been heard of

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    def opens(self) -> bool:
        """Whether it still does when it must not."""
        deadline = time.monotonic() + self.patience
        attempt = self.first
        while attempt.succeeds():
            if time.monotonic() > deadline:
                return True
            time.sleep(_LOOK)
            attempt = _attempt(self.host, self.port)
        return False


def door(*, closed: bool, patience: float) -> Door | None:
    """What the environment tells of the cluster, which nobody else in the box needs to know; None where there is
    nothing, or nothing has to be `closed`.
    """
    told = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("KUBERNETES_")}
    host, port = told.get("KUBERNETES_SERVICE_HOST", ""), told.get("KUBERNETES_SERVICE_PORT", "443")
    if not closed or not host or not port.isdecimal():
        return None
    return Door(host, int(port), _attempt(host, int(port)), patience)


def _attempt(host: str, port: int) -> Attempt:
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    sock.setblocking(False)
    with contextlib.suppress(OSError):  # under way, or there is no way there at all: then it never succeeds
        sock.connect((host, port))
    return Attempt(sock, time.monotonic() + _ANSWER)
