"""All that can happen to a worker while an action runs, in one kernel object: a frame, output, death, the time is up.

So an action needs one task to see it to its end, and no timer of the event loop: an alarm clock that is a descriptor is
watched like the rest.
"""

from __future__ import annotations

import contextlib
import os
import select
import time
from collections.abc import Iterable

import anyio

from codeact.sandbox.box import linux
from codeact.sandbox.box.channel import MOMENT

_OVER = select.EPOLLHUP | select.EPOLLERR
_MISSES = 3  # moments in a row in which nothing came, after which no more are spent
_HOLD = 0.001  # seconds


class Watch:
    """Owns its own descriptors; those that it watches belong to others."""

    def __init__(self, descriptors: Iterable[int]) -> None:
        self._epoll = select.epoll()
        self._alarm = linux.timer()
        self._rings_at = float("inf")
        self._for_room = frozenset[int]()
        for fd in (self._alarm, *descriptors):
            self._epoll.register(fd, select.EPOLLIN)

    async def wait(self) -> None:
        """Until something may have happened. For one task at a time."""
        await anyio.wait_readable(self._epoll.fileno())

    def soon(self) -> bool:
        """Whether something happens in a moment; the processor stays awake for it, and no other task has a turn."""
        until = time.monotonic() + MOMENT
        while not self._epoll.poll(0):
            if time.monotonic() > until:
                return False
        return True

    def happened(self) -> frozenset[int]:
        """Which descriptors have something to read, or room where that is wanted. One of which nothing more can come is
        told once, and then forgotten.
        """
        found = self._epoll.poll(0)
        for fd, mask in found:
            if mask & _OVER and not mask & select.EPOLLIN:
                self.forget(fd)
            elif fd == self._alarm:
                self._rings_at = float("inf")
                os.read(self._alarm, 8)
        return frozenset(fd for fd, _ in found)

    def forget(self, fd: int) -> None:
        """Stop watching it, if it is watched."""
        with contextlib.suppress(FileNotFoundError):
            self._epoll.unregister(fd)

    def want_room(self, fd: int, wanted: bool) -> None:
        """Wake up also when something can be written to `fd`, or no longer."""
        if (fd in self._for_room) is not wanted:
            self._for_room ^= {fd}
            with contextlib.suppress(FileNotFoundError):  # forgotten
                self._epoll.modify(fd, select.EPOLLIN | (select.EPOLLOUT if wanted else 0))

    def ring_at(self, moment: float) -> None:
        """Wake up at a moment of the monotonic clock; a past one is now. An earlier moment that was set stays."""
        if moment < self._rings_at:
            self._rings_at = moment
            linux.set_timer(self._alarm, max(0.0, moment - time.monotonic()))

    def close(self) -> None:
        self._epoll.close()
        os.close(self._alarm)


class Pace:
    """When to stay awake for what comes next. Code that calls tools in a loop calls again before a processor that has
    gone to sleep could be woken up.
    """

    def __init__(self, hold: float = _HOLD) -> None:
        """`hold`: seconds for which other tasks may have to wait for their turn."""
        self._hold = hold
        self._misses = 0
        self._until = 0.0  # the moment of the monotonic clock at which others should have a turn

    def rested(self) -> None:
        """Others have had their turn."""
        self._until = time.monotonic() + self._hold

    def stays_awake(self, watch: Watch) -> bool:
        """Whether it did, and something has happened."""
        if self._misses == _MISSES or time.monotonic() > self._until:
            return False
        soon = watch.soon()
        self._misses = 0 if soon else self._misses + 1
        return soon
