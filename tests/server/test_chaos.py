"""Whatever happens to the service, nothing that it has acknowledged is lost, and nothing is left behind."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from random import Random

import pytest
from benchmarks.served import QUICK, replicas, served

from .chaos import Chaos
from .store.postgres_server import MISSING, PostgresServer, programs

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
OF_A_SERVER: Sequence[Fault] = (Chaos.lose_the_database, Chaos.lose_it_for_longer_than_the_service_waits)


async def suffer(chaos: Chaos, faults: Sequence[Fault], *, chats: int) -> None:
    """All faults in an order that the seed gives; after each of them everybody is answered again."""
    async with chaos.people(chats):
        for fault in chaos.random.sample(faults, len(faults)):
            await fault(chaos)
            await chaos.one_more_answer()
    for service in chaos.services:
        chaos.left += await service.end()
    await chaos.check()


async def alone(folder: Path, seed: int, faults: Sequence[Fault], *, chats: int) -> None:
    async with served(folder, QUICK, "--drain=1") as service:
        await suffer(Chaos([service], Random(seed)), faults, chats=chats)


async def test_chaos_loses_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    await alone(tmp_path, 1, FAULTS, chats=2)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
async def test_more_chaos_loses_nothing_and_leaves_nothing(tmp_path: Path, seed: int) -> None:
    await alone(tmp_path, seed, [*FAULTS, *SLOW] * 3, chats=4)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
async def test_two_replicas_on_a_database_that_goes_away_lose_nothing(tmp_path: Path, seed: int) -> None:
    found = programs()
    if found is None:
        pytest.skip(MISSING)
    with PostgresServer(found) as postgres:
        async with replicas(2, tmp_path, postgres.address("postgres"), QUICK, "--drain=1") as services:
            chaos = Chaos(services, Random(seed), postgres)
            await suffer(chaos, [*FAULTS, *SLOW, *OF_A_SERVER] * 2, chats=4)
