"""Sessions that a warm server has ready before they are asked for."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import anyio

from codeact.sandbox.local import LocalSandbox

from .actions import FIRST, READY
from .measure import Figure, Watch
from .ours import Ours

SPARE = f"{READY}, from a spare"

_THINKING = 0.1  # seconds from one session to the next, in which a model would think
_PATIENCE = 60.0  # seconds; none comes where the server cannot make any


async def measure(rounds: int) -> Sequence[Figure]:
    ready, first = Watch(), Watch()
    async with LocalSandbox() as sandbox:
        async with sandbox.open():
            await _one_ready(sandbox)
        for _ in range(rounds):
            async with contextlib.AsyncExitStack() as stack:
                with ready():
                    session = await stack.enter_async_context(sandbox.open())
                with first():
                    await session.run("x = 1")
                await _one_ready(sandbox)
    return [ready.figure(Ours.name, SPARE), first.figure(Ours.name, f"{FIRST}, in a spare")]


async def _one_ready(sandbox: LocalSandbox) -> None:
    with anyio.fail_after(_PATIENCE):
        while not sandbox.ready:  # noqa: ASYNC110 (nothing tells)
            await anyio.sleep(_THINKING)
