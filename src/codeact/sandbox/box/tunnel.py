"""A worker's channel and output inside a Jupyter kernel, where there is no socket and no pipe to the host.

Frames travel as a stream of bytes in the buffers of messages on the kernel's stdin channel: `input_request` to the
host, `input_reply` from it. That channel alone can be read while a cell runs, and servers do not limit its rate as they
do with the output channel. What is printed goes into two pipes as everywhere, and a thread carries it from there.
"""

from __future__ import annotations

import fcntl
import os
import select
import struct
import termios
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .channel import Channel
from .frames import Blob, Decoder, Frame, encode

KEY = "codeact"  # in the content of a message that is ours
CHUNK = 1024 * 1024  # bytes in one message; servers refuse more than 10 MiB
WINDOW = 64  # messages under way: a ZeroMQ router drops silently what comes after 1,000
CONFIRM = 16  # messages after which the host says that it has them

_PATIENCE = 60.0  # seconds without a word of a host that is waited for
_LOOK = 0.02  # seconds; the descriptor of a ZeroMQ socket tells of changes, and another thread may have seen this one
_READ = 1 << 16  # bytes
_MOST_LATE = 1 << 20  # bytes of output between actions that are kept


class HostGoneError(Exception):
    """The host has not answered for a minute."""


class Tunnel(Channel):
    """The `Channel` of a worker in a kernel."""

    def __init__(self, kernel: Any) -> None:
        self._kernel = kernel
        self._messages = kernel.stdin_socket
        self._decoder = Decoder()
        self._lock = threading.RLock()  # of the socket, the decoder and the counts
        self._parent, self._ident = None, b""
        self._sent = self._confirmed = self._taken = self._seen = 0

    def attach(self) -> None:
        """Talk to whoever has sent the request that is being served."""
        self._parent = self._kernel.get_parent("shell")
        self._ident = self._kernel._parent_ident["shell"]

    def send(self, frame: Frame, fds: Sequence[int] = ()) -> None:
        """Raises `HostGoneError`, ValueError when the frame is too large."""
        with self._lock:
            for chunk in _chunks(encode(frame)):
                self._make_room()
                content = {"prompt": "", "password": False, KEY: {"number": self._sent}}
                self._kernel.session.send(
                    self._messages, "input_request", content, self._parent, ident=self._ident, buffers=[chunk]
                )
                self._sent += 1

    def _make_room(self) -> None:
        deadline = time.monotonic() + _PATIENCE
        while self._sent - self._confirmed >= WINDOW:
            self._messages.poll(100)
            self.pull()
            if time.monotonic() > deadline:
                raise HostGoneError("the host does not confirm what it gets")

    def wait(self, timeout: float | None = None) -> bool:
        """As of `Channel`; without a timeout, for so long as a host that is there may take.

        Raises:
            HostGoneError: nothing has come.
        """
        deadline = time.monotonic() + (_PATIENCE if timeout is None else timeout)
        while not self._arrived():
            left = deadline - time.monotonic()
            if left <= 0:
                if timeout is None:
                    raise HostGoneError("the host has asked for something and not said what")
                return False
            select.select([self._messages.fileno()], [], [], min(left, _LOOK))
        return True

    def _arrived(self) -> bool:
        with self._lock:
            return self._taken > self._seen or bool(self._messages.poll(0))

    def pull(self) -> None:
        with self._lock:
            while (message := self._kernel.session.recv(self._messages)[1]) is not None:
                self._take(message["content"].get(KEY), message["buffers"])

    def _take(self, note: Any, buffers: Sequence[Blob]) -> None:
        if note is None:  # somebody else's answer to somebody else's question
            return
        self._confirmed += note.get("confirmed", 0)
        for buffer in buffers:
            self._decoder.feed(buffer)
            self._taken += 1

    def next(self) -> Frame | None:
        with self._lock:
            self._seen = self._taken
            return self._decoder.next()


def _chunks(buffers: Sequence[Blob]) -> Iterator[bytes]:
    """Copies, because ZeroMQ sends large buffers later, when an agent's code may have changed them."""
    for buffer in buffers:
        view = memoryview(buffer).cast("B")
        for start in range(0, len(view), CHUNK):
            yield bytes(view[start : start + CHUNK])


class Pump:
    """Carries what is printed from the pipes to the host; what comes between actions is kept for the next."""

    def __init__(self, send: Callable[[Frame], None]) -> None:
        ends = [os.pipe() for _ in range(2)]
        self._readers = {reader: stream for (reader, _), stream in zip(ends, ("stdout", "stderr"), strict=True)}
        self.writers = ends[0][1], ends[1][1]
        self._send = send
        self._lock = threading.Lock()
        self._late = bytearray()
        self._pid = os.getpid()
        self._action = 0  # 0 between actions
        threading.Thread(target=self._run, daemon=True).start()

    def begin(self, action: int) -> bytes:
        """From now on output is of this action. What has come before."""
        self.drain()
        with self._lock:
            late, self._late, self._action = bytes(self._late), bytearray(), action
        return late

    def end(self) -> None:
        with self._lock:
            self._action = 0

    def drain(self) -> None:
        """What is in the pipes at this moment is on its way when this returns."""
        if os.getpid() != self._pid:  # in a fork of the agent's; its output comes by the same pipes
            return
        with self._lock:
            for reader, stream in self._readers.items():
                waiting = struct.unpack("i", fcntl.ioctl(reader, termios.FIONREAD, bytes(4)))[0]
                while waiting > 0 and (data := os.read(reader, min(waiting, _READ))):
                    waiting -= len(data)
                    self._carry(data, stream)

    def _carry(self, data: bytes, stream: str) -> None:
        if self._action:
            self._send(Frame("output", {"stream": stream, "number": self._action}, [data]))
        elif len(self._late) < _MOST_LATE:
            self._late += data

    def _run(self) -> None:
        while True:
            select.select(list(self._readers), [], [])
            try:
                self.drain()
            except HostGoneError:
                self.end()  # there is nobody to tell
