"""The one thing that an action waits for: descriptors, and an alarm."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Iterator

import anyio
import pytest

from codeact.sandbox.clock import Clock
from codeact.sandbox.watch import Pace, Watch

pytestmark = pytest.mark.anyio


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        yield ours, theirs


async def seen(watch: Watch) -> frozenset[int]:
    with anyio.fail_after(10):
        await watch.wait()
    return watch.happened()


async def test_what_can_be_read_is_told_until_it_is(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    with contextlib.closing(Watch([ours.fileno()])) as watch:
        assert watch.happened() == frozenset()
        theirs.send(b"x")
        assert await seen(watch) == await seen(watch) == {ours.fileno()}
        ours.recv(1)
        assert watch.happened() == frozenset()
        watch.forget(ours.fileno())
        watch.forget(ours.fileno())  # twice is once
        theirs.send(b"x")
        assert watch.happened() == frozenset()


async def test_room_is_told_only_while_it_is_wanted(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    with contextlib.closing(Watch([ours.fileno()])) as watch:
        watch.want_room(ours.fileno(), True)
        assert await seen(watch) == {ours.fileno()}
        with contextlib.suppress(BlockingIOError):
            while True:
                ours.send(bytes(65536))
        assert watch.happened() == frozenset()
        while theirs.recv(1 << 20, socket.MSG_DONTWAIT) and not watch.happened():
            pass
        watch.want_room(ours.fileno(), False)
        assert watch.happened() == frozenset()


async def test_a_pipe_without_writers_does_not_wake_for_ever() -> None:
    reading, writing = os.pipe()
    try:
        with contextlib.closing(Watch([reading])) as watch:
            os.close(writing)
            assert await seen(watch) == {reading}
            assert watch.happened() == frozenset()
    finally:
        os.close(reading)


async def test_the_earliest_alarm_rings_once() -> None:
    with contextlib.closing(Watch([])) as watch:
        started = time.monotonic()
        for seconds in (1000.0, 0.05, 1e300, float("inf")):
            watch.ring_at(started + seconds)
        assert len(await seen(watch)) == 1
        assert time.monotonic() - started >= 0.05
        assert watch.happened() == frozenset()
        watch.ring_at(0.0)  # long past
        assert len(await seen(watch)) == 1


def test_a_clock_stands_still_until_all_pauses_are_over() -> None:
    clock = Clock(1000)
    first = clock.runs_out_at
    clock.pause()
    clock.pause()
    clock.go_on()
    assert clock.runs_out_at == float("inf")
    time.sleep(0.01)
    clock.go_on()
    assert first + 0.01 <= clock.runs_out_at <= time.monotonic() + 1000


async def test_staying_awake_ends_when_something_happens_or_a_moment_is_over(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = pair
    with contextlib.closing(Watch([ours.fileno()])) as watch:
        assert not watch.soon()
        theirs.send(b"x")
        assert watch.soon()


async def test_nobody_stays_awake_for_what_has_not_come_three_times(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    with contextlib.closing(Watch([ours.fileno()])) as watch:
        pace = Pace(hold=60)
        theirs.send(b"x")
        assert not pace.stays_awake(watch)  # others have had no turn yet
        pace.rested()
        assert pace.stays_awake(watch)
        ours.recv(1)
        for _ in range(3):
            pace.rested()
            assert not pace.stays_awake(watch)
        theirs.send(b"x")
        pace.rested()
        assert not pace.stays_awake(watch)
