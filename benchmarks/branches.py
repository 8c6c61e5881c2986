"""Forks of a live session, and what keeping a standby costs, where the sandbox can do that."""

from __future__ import annotations

from collections.abc import Sequence

from codeact.sandbox.base import Session
from codeact.sandbox.local import LocalSandbox

from .actions import LATER
from .measure import Figure, MiB, Watch, timed
from .ours import Ours, Take
from .subjects import SkippedError

FORK = "live fork"


async def measure(rounds: int, sizes: Sequence[int]) -> Sequence[Figure]:
    """`sizes`: MB of live data in the session that is forked. Raises `SkippedError`."""
    ours = Ours()
    async with ours.opened(), ours.sandbox.open(Take()) as session:
        if "fork" not in session.capabilities:
            raise SkippedError("this sandbox cannot fork a session")
        forks = [await _forks(session, rounds, size) for size in sizes]
    return [*forks, await _without_standby(rounds * 10)]


async def _without_standby(rounds: int) -> Figure:
    """What an action costs when nothing is kept for when it kills the interpreter; the difference is the standby's."""
    async with LocalSandbox(checkpoints="none", spares=0) as sandbox, sandbox.open() as session:
        await session.run("x = 1")
        watch = await timed(rounds, lambda: session.run("x = 1"))
    return watch.figure(Ours.name, f"{LATER}, without a standby")


async def _forks(session: Session, rounds: int, size: int) -> Figure:
    await session.run(f"import numpy; data = numpy.ones({size * MiB}, 'u1')", time_limit=600)
    watch = Watch()
    for _ in range(rounds):
        with watch():
            branch = await session.fork()
        async with branch as twin:
            await twin.run("data[:1]")
    await session.run("del data")
    return watch.figure(Ours.name, f"{FORK}, {size:,} MB of data" if size else f"{FORK}, no data")
