"""uvicorn's server, as it serves inside a program that has signals and a word of its own."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Generator

import uvicorn


class QuietServer(uvicorn.Server):
    """Leaves signals to us, and says when it answers."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._say_started = started

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._say_started()
