"""A session's way out, for as long as the session lasts."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncGenerator, Sequence

from codeact.sandbox.beside import beside
from codeact.sandbox.box.frames import Frame
from codeact.sandbox.network.plan import PORT, Plan
from codeact.sandbox.network.proxy import Proxy
from codeact.sandbox.network.traffic import Traffic
from codeact.sandbox.wire import Wire


@contextlib.asynccontextmanager
async def egress(control: Wire, plan: Plan, traffic: Traffic) -> AsyncGenerator[None]:
    """Serve the plan's proxy inside the session that `control` leads to. Nothing to do for a plan without one.

    Raises:
        SandboxError: the session's first process could not listen.
    """
    if plan.form != "proxied":
        yield
        return
    proxy = Proxy(
        policy=str(plan.policy),
        rules=plan.rules,
        traffic=traffic,
        credentials=plan.credentials,
        reading_only=plan.policy == "packages",
    )
    with contextlib.ExitStack() as stack:
        listeners = [stack.enter_context(each) for each in await _listeners(control)]
        async with beside() as tasks:
            for listener in listeners:
                tasks.start_soon(proxy.serve, listener)
            yield


async def _listeners(control: Wire) -> Sequence[socket.socket]:
    """A socket belongs to the network it was made in, whoever holds it: these accept from inside the session."""
    _, fds = await control.ask(Frame("listen", {"port": PORT}), answer="listening")
    return [socket.socket(fileno=fd) for fd in fds]
