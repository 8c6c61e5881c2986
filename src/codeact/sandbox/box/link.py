"""A worker's end of its channel: commands from the host to the main thread, tool calls from any thread.

There is no reader thread: it would have to survive forks. Whoever waits reads for all: one waiter at a time takes
frames from the channel and puts them where they belong, the others wait for their turn or their frame.
"""

from __future__ import annotations

import itertools
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from .channel import Channel, ChannelClosedError
from .frames import Frame, FrameError
from .stubs import tool_error
from .values import Packer, Reader

_TURN = 0.1  # seconds until a waiter looks whether it was interrupted


class Interrupts:
    """SIGINT raises KeyboardInterrupt while an agent's code runs, and only there: never inside a frame, never between
    actions.
    """

    def __init__(self) -> None:
        self._running = False
        self._held = 0
        self._pending = False
        self._main = threading.main_thread().ident
        self._hold = _Held(self)

    @contextmanager
    def running(self) -> Generator[None]:
        """Around an agent's code. Sets the handler anew: the code before may have changed it."""
        signal.signal(signal.SIGINT, self._on_signal)
        self._pending = False
        self._running = True
        try:
            yield
        finally:
            self._running = False

    @property
    def held(self) -> _Held:
        """Around what must not be cut in half; an interrupt waits for the end of it."""
        return self._hold

    def hold(self) -> None:
        """`held` begins."""
        if threading.get_ident() == self._main:  # signals are for the main thread
            self._held += 1

    def let_go(self) -> None:
        """`held` ends."""
        if threading.get_ident() == self._main:
            self._held -= 1

    def check(self) -> None:
        """Raise the KeyboardInterrupt that is due, in the main thread."""
        if self._pending and self._running and threading.get_ident() == self._main:
            self._pending = False
            raise KeyboardInterrupt

    def _on_signal(self, *_: object) -> None:
        if self._held:
            self._pending = True
        elif self._running:
            raise KeyboardInterrupt


class _Held:
    """Not a `contextmanager`, which would cost more than what it is around."""

    __slots__ = ("_interrupts",)

    def __init__(self, interrupts: Interrupts) -> None:
        self._interrupts = interrupts

    def __enter__(self) -> None:
        self._interrupts.hold()

    def __exit__(self, kind: object, *rest: object) -> None:
        self._interrupts.let_go()
        if kind is None:
            self._interrupts.check()


class Link:
    def __init__(self, channel: Channel, interrupts: Interrupts, flush: Callable[[], None]) -> None:
        self.in_action = False
        self._channel = channel
        self._interrupts = interrupts
        self._flush = flush
        self._pid = os.getpid()
        self._numbers = itertools.count(1)
        self._commands: deque[Frame] = deque()
        self._replies: dict[int, Frame | None] = {}  # of the calls that are waited for
        self._reading = False
        self._changed = threading.Condition()

    def send(self, kind: str, body: dict[str, Any], blobs: Any = ()) -> None:
        """What was printed before is in the pipes before the frame is in the channel, so that the host can keep the
        order.
        """
        self._flush()
        with self._interrupts.held:
            try:
                self._channel.send(Frame(kind, body, blobs))
            except ChannelClosedError:
                os._exit(0)  # the host has no use for this process any more

    def move_to(self, channel: Channel) -> None:
        """In a copy of this process: talk to the host through a channel of its own. The calls under way are the
        original's.
        """
        self._channel.close()
        self._channel, self._pid = channel, os.getpid()
        self._commands.clear()
        self._replies.clear()
        self._reading = False
        self._changed = threading.Condition()

    def take_fds(self, count: int) -> list[int]:
        return self._channel.take_fds(count)

    def fileno(self) -> int:
        return self._channel.fileno()

    def command(self) -> Frame:
        """Wait for the host's next command. For the main thread."""
        return self._wait(lambda: self._commands.popleft() if self._commands else None)

    def call(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call a tool in the host and wait for its value.

        Raises:
            TypeError: an argument cannot cross.
            Exception: what the tool raised, under its own name.
        """
        if os.getpid() != self._pid:
            raise RuntimeError(f"{name}() was called in a forked process; tools work in threads, not in processes")
        if not self.in_action:
            raise RuntimeError(f"{name}() was called after its action had ended; tools work only while an action runs")
        packer = Packer()
        body = {
            "name": name,
            "args": [packer.pack(value, f"argument {place} of {name}()") for place, value in enumerate(args, 1)],
            "kwargs": {key: packer.pack(value, f"{name}({key}=…)") for key, value in kwargs.items()},
        }
        number = next(self._numbers)
        with self._changed:
            self._replies[number] = None
        try:
            self.send("call", {"call": number, **body}, packer.blobs)
            return _value(self._wait(lambda: self._replies.get(number)))
        finally:
            with self._changed:
                self._replies.pop(number, None)

    def _wait(self, take: Callable[[], Frame | None]) -> Frame:
        while True:
            with self._interrupts.held:
                with self._changed:
                    if (frame := take()) is not None:
                        return frame
                    leading = not self._reading
                    self._reading = True
                    if not leading:
                        self._changed.wait(_TURN)
                if leading:
                    self._lead()

    def _lead(self) -> None:
        """One turn of reading for all. After one without a frame an interrupt comes through and another may lead."""
        try:
            if self._channel.wait(_TURN if self.in_action else None):
                self._channel.pull()
            while (frame := self._channel.next()) is not None:
                self._put(frame)
        except (ChannelClosedError, FrameError):
            os._exit(0)
        finally:
            with self._changed:
                self._reading = False
                self._changed.notify_all()

    def _put(self, frame: Frame) -> None:
        with self._changed:
            if frame.kind != "reply":
                self._commands.append(frame)
            elif (number := frame.body["call"]) in self._replies:  # else its caller was interrupted and waits no more
                self._replies[number] = frame


def _value(frame: Frame) -> Any:
    if error := frame.body.get("error"):
        raise tool_error(error["name"], error["message"])
    return Reader(frame.blobs).unpack(frame.body["value"])
