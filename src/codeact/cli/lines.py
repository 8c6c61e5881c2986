"""Lines from standard input, without blocking the event loop."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field

import anyio

CHUNK = 65536  # bytes of one read


@dataclass(slots=True)
class LineReader:
    """Reads a terminal, a pipe or a file line by line; cancelling a read loses nothing."""

    descriptor: int = field(default_factory=lambda: sys.stdin.fileno())
    buffer: bytes = b""
    ended: bool = False

    async def read(self) -> str | None:
        """The next line without its end; None when there are no more."""
        while b"\n" not in self.buffer and not self.ended:
            await self._wait()
            chunk = os.read(self.descriptor, CHUNK)
            self.buffer += chunk
            self.ended = not chunk
        if not self.buffer:
            return None
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line.decode("utf-8", "replace").removesuffix("\r")

    async def _wait(self) -> None:
        try:
            await anyio.wait_readable(self.descriptor)
        except PermissionError:  # a regular file: an event loop can't wait for it, and reading it never waits
            await anyio.lowlevel.checkpoint()
