"""The event loop of a session's top-level `await`."""

from __future__ import annotations

import asyncio
import contextlib
import selectors
from collections.abc import Coroutine
from typing import Any


class LoopRunner:
    """Runs the coroutine of a cell with top-level await. One event loop for all cells, so that tasks live on across
    actions.

    IPython's own runner leaves an interrupted cell in the loop, where the next action would carry it on.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None

    def __call__(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        if self._loop is None or self._loop.is_closed():
            self._loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self._loop)
        task = self._loop.create_task(coroutine)
        try:
            return self._loop.run_until_complete(task)
        except BaseException:
            task.cancel()
            with contextlib.suppress(BaseException):
                self._loop.run_until_complete(task)
            raise

    def offer(self) -> None:
        """Make the loop the current one again, for code that asks for it: `asyncio.run` leaves none."""
        if self._loop is not None and not self._loop.is_closed():
            asyncio.set_event_loop(self._loop)

    @property
    def descriptors(self) -> list[int]:
        """Those of the loop's own."""
        if (loop := self._own_loop()) is None:
            return []
        return [loop._selector.fileno(), loop._ssock.fileno(), loop._csock.fileno()]

    def part(self) -> None:
        """After a fork: what the kernel holds for the loop is shared with the original, so make it anew."""
        if (loop := self._own_loop()) is None:
            return
        shared, loop._selector = loop._selector, selectors.DefaultSelector()
        for key in shared.get_map().values():
            if key.fd != loop._ssock.fileno():
                loop._selector.register(key.fileobj, key.events, key.data)
        shared.close()
        loop._ssock.close()
        loop._csock.close()
        loop._internal_fds -= 1
        loop._make_self_pipe()

    def _own_loop(self) -> Any:
        """The loop, if it is open and of Python's own making: `Any`, because only private names lead to what the kernel
        holds for it.
        """
        usable = isinstance(self._loop, asyncio.SelectorEventLoop) and not self._loop.is_closed()
        return self._loop if usable else None

    def close(self) -> None:
        """For the server: an event loop that is shared with forks would be shared between sessions."""
        if self._loop is not None:
            self._loop.close()
            asyncio.set_event_loop(None)
            self._loop = None
