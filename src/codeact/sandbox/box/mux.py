"""Descriptors over one byte stream, for boxes in another place: a container, a pod.

The host and the first process of a box talk over a control socket, along which descriptors travel: a worker's socket to
the box, a handle of its process to the host. A byte stream carries no descriptors, so at each end there is a `Mux`, and
a *lane* of the stream between the two stands for each descriptor: what is written to its near end comes out of its far
end. So the host and the box run the same code as on one machine.

    lane 0        the control socket
    lanes 1, 2    standard output and error of all workers
    even numbers  sockets, opened by the host: a worker's, or a copy's, whose descriptor goes along its original's lane
    odd numbers   processes, opened by the box: bytes are signals, the end of the lane is the end of the process

Two promises of descriptors on one machine are kept. *Room*: a lane nobody reads holds up no other; each may have
`WINDOW` bytes under way and no more. *Order*: what a worker printed before it sent a frame is in the pipes before the
frame is in the socket, and all that it said is there before its end is known, unless nobody has read it for a second:
a host that has stopped listening to a worker still has to learn that it is dead.

The two ends do not trust each other: what breaks the rules raises `MuxError`.
"""

from __future__ import annotations

import math
import select
import time
from collections import deque
from collections.abc import Mapping
from typing import Protocol

from .ends import Port
from .streams import AFTER, ALIVE, CLOSE, DATA, OPEN, PIECE, TAKEN, Decoder, Message, MuxError, encode

WINDOW = 1 << 20  # bytes of one lane that are under way
CONTROL, STDOUT, STDERR = 0, 1, 2
_FIRST = 3  # number of a lane that is opened later
_MAX_LANES = 256
_MAX_WAITING = 100_000  # pieces of one lane that wait for their turn
_MAX_UNSENT = 4 * WINDOW  # bytes for the stream; above it, nothing is read that would add to them

_UNREAD = 1.0  # seconds after which the end of a process waits no longer for what nobody reads

_READABLE = select.POLLIN | select.POLLHUP | select.POLLERR

Marks = dict[int, int]  # by lane: so many bytes of it come first


class Stream(Protocol):
    """Where the messages travel; must not block."""

    def readable(self) -> int:
        """The descriptor to wait for before `read`."""
        ...

    def writable(self) -> int: ...

    def read(self) -> bytes | None:
        """None when there is nothing now, b"" at the end."""
        ...

    def write(self, data: bytes) -> int: ...


class _Lane:
    def __init__(self, number: int, port: Port, base: Marks) -> None:
        self.number = number
        self.port = port
        self.base = base  # what comes before this lane was opened is no affair of it
        self.room = WINDOW  # bytes that the other end will take
        self.read = self.sent = 0  # bytes, near end to stream
        self.held: tuple[bytes, Marks] | None = None  # read, but other lanes come first; b"" for the end
        self.ended = False  # the near end has nothing more to say
        self.arrived = self.written = self.untold = 0  # bytes, stream to near end; written ones it was not told of
        self.full_since = math.inf  # the moment from which the near end, or the other end, has taken nothing
        self.waiting = deque[bytearray | Marks | None]()  # pieces, what must come before them, and None for the end


class Mux:
    def __init__(self, stream: Stream, ports: Mapping[int, Port], *, inside: bool) -> None:
        """`inside`: whether this is the end in the box, which has the order to keep."""
        self.closed = False  # the stream has ended
        self._stream = stream
        self._decoder = Decoder()
        self._unsent = bytearray()
        self._inside = inside
        self._own, self._other = (_FIRST, _FIRST + 1) if inside else (_FIRST + 1, _FIRST)
        self._lanes = {number: _Lane(number, port, {}) for number, port in ports.items()}

    def open(self, port: Port, along: int = CONTROL) -> int:
        """A new lane from here, which the other end learns of before all that is sent after; its number. `along`: the
        lane along which its descriptor travels.
        """
        number, self._own = self._own, self._own + 2
        self._lanes[number] = _Lane(number, port, self._counted(self._before(number)))
        self._unsent += encode(OPEN, number, size=along)
        return number

    def made(self, number: int, along: int) -> Port:
        """The near end of a lane that the other end has opened. Raises MuxError where it may not."""
        raise MuxError(f"lane {number} was opened along {along}, which is not for this end to take")

    def port(self, number: int) -> Port | None:
        """The near end of a lane; None when it has been closed."""
        lane = self._lanes.get(number)
        return lane and lane.port

    def over(self, number: int) -> bool:
        """Whether the near end of a lane has nothing more to say."""
        lane = self._lanes.get(number)
        return lane is None or lane.ended

    def say(self, data: bytes) -> None:
        """Bytes that go out as they are, before the first message."""
        self._unsent += data

    def say_alive(self) -> None:
        self._unsent += encode(ALIVE)

    def turn(self, timeout: float | None = None) -> bool:
        """Wait until something can be moved, and move it; whether anything came over the stream.

        Raises:
            MuxError: the other end broke the rules.
        """
        if self._read_unpolled():
            timeout = 0
        poll = select.poll()
        for fd, events in self._wanted().items():
            poll.register(fd, events)
        ready = dict(poll.poll(None if timeout is None else timeout * 1000))
        heard = bool(ready.get(self._stream.readable(), 0) & _READABLE) and self._receive()
        for lane in list(self._lanes.values()):
            if ready.get(lane.port.fileno(), 0) & _READABLE:
                self._read(lane)
        self._settle()
        return heard

    def close(self) -> None:
        """Close all near ends. May be called twice."""
        self.closed = True
        for lane in self._lanes.values():
            lane.port.close()
        self._lanes.clear()

    def _wanted(self) -> dict[int, int]:
        """Descriptors to wait for, and the events."""
        wanted = {self._stream.readable(): select.POLLIN}
        if self._unsent:
            wanted[self._stream.writable()] = wanted.get(self._stream.writable(), 0) | select.POLLOUT
        for lane in self._lanes.values():
            due = bool(lane.waiting) and isinstance(lane.waiting[0], bytearray)
            events = (select.POLLIN if self._may_read(lane) else 0) | (select.POLLOUT if due else 0)
            if events and lane.port.fileno() >= 0:
                wanted[lane.port.fileno()] = events
        return wanted

    def _read_unpolled(self) -> bool:
        """Read the lanes that have no descriptor, as far as there is room; whether there was something."""
        moved = False
        for lane in list(self._lanes.values()):
            while lane.port.fileno() < 0 and self._read(lane):
                self._settle()
                moved = True
        return moved

    def _may_read(self, lane: _Lane) -> bool:
        return not lane.ended and lane.held is None and lane.room > 0 and len(self._unsent) < _MAX_UNSENT

    def _settle(self) -> None:
        """Move what has become free to move: until nothing does."""
        moved = True
        while moved:
            moved = False
            for lane in list(self._lanes.values()):
                moved |= self._send_held(lane) | self._deliver(lane)
        self._transmit()

    # From near ends to the stream.

    def _read(self, lane: _Lane) -> bool:
        """Take a piece, to be sent after all that was said before it; whether there was one."""
        if not self._may_read(lane) or (data := lane.port.read(min(PIECE, lane.room))) is None:
            return False
        lane.read += len(data)
        lane.ended = not data
        said = self._counted(self._before(lane.number)) if self._inside else {}
        lane.held = data, {number: mark for number, mark in said.items() if mark > lane.base.get(number, 0)}
        return True

    def _counted(self, lanes: list[_Lane]) -> Marks:
        """What these lanes have said up to this moment, on this side."""
        return {lane.number: lane.read + lane.port.ready() for lane in lanes}

    def _send_held(self, lane: _Lane) -> bool:
        if lane.held is None:
            return False
        data, marks = lane.held
        if any(
            n in self._lanes and self._lanes[n].sent < mark and not _unread(self._lanes[n], lane)
            for n, mark in marks.items()
        ):
            return False
        lane.held = None
        if marks:
            self._unsent += encode(AFTER, lane.number)
        self._unsent += encode(DATA, lane.number, data=data) if data else encode(CLOSE, lane.number)
        lane.sent += len(data)
        lane.room -= len(data)
        if lane.room <= 0:
            lane.full_since = time.monotonic()
        return True

    def _transmit(self) -> None:
        while self._unsent and not self.closed:
            try:
                count = self._stream.write(bytes(self._unsent[:WINDOW]))
            except OSError:
                self.closed = True
                return
            if count == 0:
                return
            del self._unsent[:count]

    # From the stream to near ends.

    def _receive(self) -> bool:
        data = self._stream.read()
        if data is None:
            return False
        if not data:
            self.closed = True
            return False
        self._decoder.feed(data)
        while (message := self._decoder.next()) is not None:
            self._take(message)
        return True

    def _take(self, message: Message) -> None:
        if message.kind == ALIVE:
            return
        if message.kind == OPEN:
            self._take_open(message.lane, message.size)
            return
        lane = self._lanes.get(message.lane)
        if lane is None:
            if message.lane >= (self._own if (message.lane - self._own) % 2 == 0 else self._other):
                raise MuxError(f"a message for lane {message.lane}, which there never was")
            return  # closed here meanwhile
        if message.kind == DATA:
            self._take_data(lane, message.data)
        elif message.kind == TAKEN:
            lane.room += message.size
            lane.full_since = math.inf
            if lane.room > WINDOW:
                raise MuxError("more was taken than was sent")
        elif message.kind == CLOSE:
            _wait(lane, None)
        else:
            _wait(lane, {other.number: other.arrived for other in self._before(lane.number)})

    def _take_open(self, number: int, along: int) -> None:
        if number != self._other or len(self._lanes) >= _MAX_LANES:
            raise MuxError(f"lane {number} was opened; there are {len(self._lanes)}, and the next is {self._other}")
        port = self.made(number, along)
        self._other += 2
        self._lanes[number] = _Lane(number, port, self._counted(self._before(number)))

    def _take_data(self, lane: _Lane, data: bytes) -> None:
        lane.arrived += len(data)
        if lane.arrived - lane.written + lane.untold > WINDOW:
            raise MuxError("more was sent than there is room for")
        if lane.waiting and isinstance(last := lane.waiting[-1], bytearray):
            last += data
        else:
            _wait(lane, bytearray(data))

    def _deliver(self, lane: _Lane) -> bool:
        """Write what has arrived and is due; whether the lane moved."""
        moved = False
        while lane.waiting:
            piece = lane.waiting[0]
            if piece is None:
                self._end(lane)
                return True
            if isinstance(piece, dict):
                if any(self._is_due(n, mark, lane) for n, mark in piece.items()):
                    return moved
                lane.waiting.popleft()
            elif not self._write(lane, piece):
                return moved
            moved = True
        return moved

    def _is_due(self, number: int, mark: int, waits: _Lane) -> bool:
        """Whether so much of a lane has still to be written before `waits` may go on."""
        lane = self._lanes.get(number)
        if lane is None or lane.written >= mark:
            return False
        return not _unread(lane, waits)

    def _write(self, lane: _Lane, piece: bytearray) -> bool:
        try:
            count = lane.port.write(bytes(piece[:PIECE]))
        except OSError:  # nobody reads there any more
            self._end(lane)
            return False
        if count == 0:
            lane.full_since = min(lane.full_since, time.monotonic())
            return False
        lane.full_since = math.inf
        del piece[:count]
        if not piece:
            lane.waiting.popleft()
        lane.written += count
        lane.untold += count
        if lane.untold >= WINDOW // 4:
            self._unsent += encode(TAKEN, lane.number, size=lane.untold)
            lane.untold = 0
        return True

    def _end(self, lane: _Lane) -> None:
        if not lane.ended:
            self._unsent += encode(CLOSE, lane.number)
        del self._lanes[lane.number]
        lane.port.close()

    def _before(self, number: int) -> list[_Lane]:
        """The lanes whose words come before those of this one: output before frames, both before the end."""
        if number < _FIRST:
            return []
        first = [self._lanes[n] for n in (STDOUT, STDERR) if n in self._lanes]
        if number % 2 == 0:
            return first
        return first + [lane for n, lane in self._lanes.items() if n >= _FIRST and n % 2 == 0]


def _unread(lane: _Lane, waits: _Lane) -> bool:
    """Whether `waits`, the lane of a process, has waited long enough for somebody to read `lane`."""
    of_process = waits.number >= _FIRST and waits.number % 2 == 1
    return of_process and time.monotonic() - lane.full_since > _UNREAD


def _wait(lane: _Lane, piece: bytearray | Marks | None) -> None:
    if len(lane.waiting) >= _MAX_WAITING:
        raise MuxError(f"more than {_MAX_WAITING:,} pieces of one lane")
    lane.waiting.append(piece)
