"""Whatever happens to the service, nothing that it has acknowledged is lost, and nothing is left behind."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from random import Random

import pytest
from benchmarks.served import QUICK, served

from .chaos import Chaos

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(600)]

Fault = Callable[[Chaos], Awaitable[None]]
FAULTS: Sequence[Fault] = (
    Chaos.kill_a_process_inside,
    Chaos.fill_the_disk,
    Chaos.drop_connections,
    Chaos.move_the_clock,
    Chaos.lock_the_database,
    Chaos.kill_the_server,
)
SLOW: Sequence[Fault] = (Chaos.lock_it_for_longer_than_the_service_waits, Chaos.end_the_server)


async def suffer(folder: Path, seed: int, faults: Sequence[Fault], *, chats: int) -> Chaos:
    """All faults in an order that the seed gives; after each of them everybody is answered again."""
    random = Random(seed)
    async with served(folder, QUICK, "--drain=1") as service:
        chaos = Chaos(service, random)
        async with chaos.people(chats):
            for fault in random.sample(faults, len(faults)):
                await fault(chaos)
                await chaos.one_more_answer()
        chaos.left += await service.end()
    await chaos.check()
    return chaos


async def test_chaos_loses_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    await suffer(tmp_path, 1, FAULTS, chats=2)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
async def test_more_chaos_loses_nothing_and_leaves_nothing(tmp_path: Path, seed: int) -> None:
    await suffer(tmp_path, seed, [*FAULTS, *SLOW] * 3, chats=4)
