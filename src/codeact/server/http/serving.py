"""A server around the application: an address that may be bound, and an orderly end."""

from __future__ import annotations

import logging
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import anyio
import uvicorn
from anyio.abc import TaskStatus
from starlette.types import ASGIApp

from codeact.errors import UsageError
from codeact.server.http.punctual import Punctual
from codeact.server.http.service import Service
from codeact.server.listening import is_loopback, listen
from codeact.server.quiet import QuietServer

log: Final = logging.getLogger("codeact.server")
CONNECTIONS: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """Where to listen, and how."""

    host: str = "127.0.0.1"
    port: int = 8321  # 0: any that is free
    certificate: Path | None = None
    key: Path | None = None
    tls_elsewhere: bool = False  # something before this service ends TLS
    insecure_public: bool = False  # whoever reads the network may read tokens and talks, and that is known

    @property
    def tls(self) -> bool:
        """Whether browsers come by TLS."""
        return self.certificate is not None or self.tls_elsewhere

    def check(self) -> None:
        """Raises `UsageError` where tokens would cross a network in the clear and nobody said that they may."""
        if (self.certificate is None) != (self.key is None):
            raise UsageError("--tls-cert and --tls-key belong together; give both")
        if not self.tls and not self.insecure_public and not is_loopback(self.host):
            raise UsageError(
                f"{self.host!r} can be reached from other machines, and without TLS whoever is between reads tokens; "
                "give --tls-cert and --tls-key, or --tls-elsewhere behind a proxy that ends TLS, or --insecure-public"
            )


def bound(binding: Binding) -> socket.socket:
    """A listening socket.

    Raises:
        UsageError: the address may not be bound in this way.
        SetupError: it is taken, or not this machine's.
    """
    binding.check()
    return listen(binding.host, binding.port)


def configuration(application: ASGIApp, binding: Binding) -> uvicorn.Config:
    """How uvicorn serves the application."""
    return uvicorn.Config(
        application,
        http=Punctual,
        lifespan="on",  # or what fails in it would be passed over
        ssl_certfile=binding.certificate,
        ssl_keyfile=binding.key,
        log_config=None,
        access_log=False,  # ours has no queries and no tokens
        server_header=False,
        proxy_headers=False,  # nothing is believed of who forwards
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=20,
        timeout_graceful_shutdown=10,
        h11_max_incomplete_event_size=64 * 1024,
        ws_max_size=4 * 1024 * 1024,
    )


@dataclass(slots=True)
class Serving:
    """`run` answers requests until a signal comes. The first one drains: no new run begins, those going on may end,
    event streams tell their ends, rooms go to sleep. The second one ends at once.
    """

    application: ASGIApp
    service: Service
    binding: Binding
    drain: float = 30.0  # seconds that runs may take to end
    signals: list[signal.Signals] = field(default_factory=list[signal.Signals])

    async def run(self, listening: socket.socket, started: Callable[[], None]) -> None:
        server = QuietServer(configuration(self.application, self.binding), started)
        async with anyio.create_task_group() as group:
            await group.start(self._watch, server)
            await server.serve(sockets=[listening])
            group.cancel_scope.cancel()

    async def _watch(self, server: QuietServer, *, task_status: TaskStatus[None]) -> None:
        async with anyio.create_task_group() as group:
            with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
                task_status.started()
                async for each in signals:
                    self.signals.append(each)
                    if len(self.signals) == 1:
                        group.start_soon(self._drain, server)
                    else:
                        server.force_exit = server.should_exit = True
                        self.service.closing.set()

    async def _drain(self, server: QuietServer) -> None:
        log.info("draining: no new run begins")
        try:
            await self.service.house.drain(seconds=self.drain)
        finally:
            self.service.closing.set()
            server.should_exit = True
