"""Many sessions at once: how long they take to open, what they weigh, and whether they get in each other's way."""

from __future__ import annotations

import contextlib
import os
import resource
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import anyio

from codeact.sandbox.base import Session
from codeact.sandbox.local import LocalSandbox

from .measure import Figure, available, descendants, share_of, timed
from .ours import Ours

_AT_ONCE = 8  # sessions that are being opened at any moment
_PER_SERVER = 200  # forks that one server should have: each page that is copied walks the list of who shares it
_SAMPLE = 20  # sessions whose actions are timed


async def measure(count: int, rounds: int) -> Sequence[Figure]:
    """Open `count` sessions, look at them, and time actions in some of them against one that is alone."""
    _allow_descriptors()
    async with LocalSandbox(spares=0) as sandbox, sandbox.open() as session:
        alone = await _action(session, rounds)
    before, others = available(), descendants(os.getpid())
    async with _crowd(count) as (sessions, took):
        weight = share_of(descendants(os.getpid()) - others)
        machine = before - available()
        crowded = [await _action(session, rounds) for session in sessions[:: max(1, count // _SAMPLE)]]

    def one(what: str, value: float, unit: str = "ms") -> Figure:
        return Figure(subject=Ours.name, what=f"{count:,} idle sessions: {what}", median=value, least=value, unit=unit)

    return [
        one("to open all", took),
        one("to open one, of so many at once", took / count),
        one("memory of all (PSS)", weight, "MB"),
        one("memory of the machine that is gone", machine, "MB"),
        one("slowest action against that of a session alone", max(crowded) / alone, "times"),
    ]


async def _action(session: Session, rounds: int) -> float:
    await session.run("x = 1")
    return statistics.median((await timed(rounds, lambda: session.run("x = 1"))).ms)


@asynccontextmanager
async def _crowd(count: int) -> AsyncIterator[tuple[list[Session], float]]:
    """The sessions, and the milliseconds in which warm servers opened them. Each is held open by a task of its own, so
    that they open and close side by side.
    """
    sessions, leaving = list[Session](), anyio.Event()
    everybody, doors = anyio.Event(), anyio.Semaphore(_AT_ONCE)

    async def stay(sandbox: LocalSandbox) -> None:
        async with contextlib.AsyncExitStack() as stack:
            async with doors:
                sessions.append(await stack.enter_async_context(sandbox.open()))
            if len(sessions) == count:
                everybody.set()
            await leaving.wait()

    async with contextlib.AsyncExitStack() as servers:
        places = range(0, count, _PER_SERVER)
        sandboxes = [await servers.enter_async_context(LocalSandbox(spares=0)) for _ in places]
        started = time.perf_counter()
        async with anyio.create_task_group() as tasks:
            for number in range(count):
                tasks.start_soon(stay, sandboxes[number // _PER_SERVER])
            await everybody.wait()
            yield sessions, (time.perf_counter() - started) * 1000
            leaving.set()


def _allow_descriptors() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
