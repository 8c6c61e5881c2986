"""The control channel of a session whose host is at the other end of a byte stream: a `Channel` to whoever serves the
session, and a `Mux` inside.

It works only while its owner waits in `receive` or `send`, so it needs no thread in a process that forks.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Sequence

from . import frames, mux
from .channel import ChannelClosedError
from .ends import Descriptor, Port, Process, Socket
from .frames import Frame

_PATIENCE = 120.0  # seconds without a word from the host, which says every few that it is alive
_LOOK = 1.0  # seconds after which is looked for what has waited long enough


class Pipes:
    """A stream of two descriptors: standard input and output, say."""

    def __init__(self, source: int, sink: int) -> None:
        for fd in (source, sink):
            os.set_blocking(fd, False)
        self._source, self._sink = source, sink

    def readable(self) -> int:
        return self._source

    def writable(self) -> int:
        return self._sink

    def read(self) -> bytes | None:
        try:
            return os.read(self._source, mux.WINDOW)
        except BlockingIOError:
            return None
        except OSError:
            return b""

    def write(self, data: bytes) -> int:
        try:
            return os.write(self._sink, data)
        except BlockingIOError:
            return 0

    def close(self) -> None:
        for fd in {self._source, self._sink}:
            os.close(fd)


class Relay:
    def __init__(self, stream: Pipes) -> None:
        (out, stdout), (err, stderr) = os.pipe(), os.pipe()
        self.output = (stdout, stderr)  # for the workers
        self._stream = stream
        self._control = _Control()
        ports: dict[int, Port] = {mux.CONTROL: self._control, mux.STDOUT: Descriptor(out), mux.STDERR: Descriptor(err)}
        self._mux = _Inside(stream, ports, inside=True)
        self._heard = time.monotonic()

    def send(self, frame: Frame, fds: Sequence[int] = ()) -> None:
        """As `Channel.send`; the descriptors must be of processes."""
        data = b"".join(frames.encode(frame))
        for fd in fds:
            self._mux.open(Process(os.dup(fd)))
        self._control.outgoing += data
        while self._control.outgoing:
            self._turn()

    def receive(self) -> Frame:
        """As `Channel.receive`."""
        while (frame := self._control.incoming.next()) is None:
            self._turn()
        return frame

    def _turn(self) -> None:
        try:
            if self._mux.turn(_LOOK):
                self._heard = time.monotonic()
        except mux.MuxError:
            raise ChannelClosedError from None
        if self._mux.closed or time.monotonic() - self._heard > _PATIENCE:
            raise ChannelClosedError

    def take_fds(self) -> list[int]:
        fds, self._mux.made_sockets = self._mux.made_sockets, []
        return fds

    def close(self) -> None:
        """In a child, which must hold none of this."""
        self._mux.close()
        self._stream.close()
        for fd in self.take_fds():
            os.close(fd)


class _Inside(mux.Mux):
    made_sockets: list[int]

    def __init__(self, stream: mux.Stream, ports: dict[int, Port], *, inside: bool) -> None:
        super().__init__(stream, ports, inside=inside)
        self.made_sockets = []

    def made(self, number: int, along: int) -> Port:
        ours, theirs = socket.socketpair()
        if along == mux.CONTROL:
            self.made_sockets.append(theirs.detach())
        elif isinstance(worker := self.port(along), Socket):
            worker.give(theirs)
        else:  # it has ended meanwhile
            theirs.close()
        return Socket(ours)


class _Control:
    """The near end of the control lane is this process itself."""

    def __init__(self) -> None:
        self.outgoing = bytearray()
        self.incoming = frames.Decoder()

    def fileno(self) -> int:
        return -1

    def read(self, most: int) -> bytes | None:
        data = bytes(self.outgoing[:most])
        del self.outgoing[:most]
        return data or None

    def write(self, data: bytes) -> int:
        self.incoming.feed(data)
        return len(data)

    def ready(self) -> int:
        return 0

    def close(self) -> None:
        pass
