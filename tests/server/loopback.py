"""An application on a real server, configured as `codeact serve` has it: the one way in which these tests listen."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from starlette.types import ASGIApp

from codeact.server.http.serving import CONNECTIONS, Binding, configuration
from codeact.server.listening import listen, url_of
from codeact.server.quiet import QuietServer


@asynccontextmanager
async def on_loopback(
    application: ASGIApp, *, connections: int = CONNECTIONS, sent_ahead: int | None = None
) -> AsyncIterator[str]:
    """Its address. `sent_ahead`: bytes that the kernel takes for who does not read."""
    config, started = configuration(application, Binding()), anyio.Event()
    config.limit_concurrency = connections
    failures: list[Exception] = []  # raised below: the task group would wrap them, and cancel the server in the middle
    with listen("127.0.0.1", 0) as listening:
        if sent_ahead is not None:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, sent_ahead)  # inherited by connections
        server = QuietServer(config, started.set)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(server.serve, [listening])
            with anyio.fail_after(60):
                await started.wait()
            try:
                yield url_of(listening)
            except Exception as error:  # noqa: BLE001 (see above)
                failures.append(error)
            if (service := getattr(getattr(application, "state", None), "service", None)) is not None:
                service.closing.set()  # event streams end
            server.should_exit = True
    if failures:
        raise failures[0]
