"""Descriptors over one byte stream: what goes in comes out, in order, whatever the peer does."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeact.sandbox.box import mux, streams
from codeact.sandbox.box.ends import Descriptor, Port, Process, Socket
from codeact.sandbox.box.mux import CONTROL, STDERR, STDOUT, WINDOW, Mux
from codeact.sandbox.box.relay import Pipes
from codeact.sandbox.box.streams import AFTER, ALIVE, CLOSE, DATA, OPEN, PIECE, TAKEN, Decoder, MuxError, encode


class End(Mux):
    """One end, which takes what the other opens as a socket."""

    def __init__(self, stream: Pipes, ports: dict[int, Port], *, inside: bool) -> None:
        super().__init__(stream, ports, inside=inside)
        self.came: list[socket.socket] = []

    def made(self, number: int, along: int) -> Port:
        ours, theirs = socket.socketpair()
        if isinstance(port := self.port(along), Socket) and along != CONTROL:
            port.give(theirs)
        else:
            self.came.append(theirs)
        return Socket(ours)


@dataclass
class Pair:
    """A host and a box, with the far side of each lane."""

    host: End
    box: End
    control: tuple[socket.socket, socket.socket]  # of the host, of the box
    out: int  # where the host reads what the box printed
    printed: int  # where a worker of the box prints
    streams: list[Pipes] = field(default_factory=list[Pipes])

    def settle(self) -> None:
        """Until nothing moves any more."""
        for _ in range(50):
            for end in (self.host, self.box):
                end.turn(0)


@pytest.fixture
def pair() -> Iterator[Pair]:
    left, right = socket.socketpair()
    ends = [Pipes(sock.fileno(), sock.fileno()) for sock in (left, right)]
    controls = [socket.socketpair() for _ in range(2)]
    pipes = [os.pipe() for _ in range(4)]
    (out, host_out), (err, host_err), (box_out, printed), (box_err, _) = pipes
    host = End(ends[0], _ports(controls[0][1], host_out, host_err), inside=False)
    box = End(ends[1], _ports(controls[1][1], box_out, box_err), inside=True)
    yield Pair(host, box, (controls[0][0], controls[1][0]), out, printed)
    for end in (host, box):
        end.close()
        for sock in end.came:
            sock.close()
    for sock in (left, right, controls[0][0], controls[1][0]):
        sock.close()
    for fd in (out, err, printed, pipes[3][1]):
        os.close(fd)


def _ports(control: socket.socket, stdout: int, stderr: int) -> dict[int, Port]:
    return {CONTROL: Descriptor(control.detach()), STDOUT: Descriptor(stdout), STDERR: Descriptor(stderr)}


def _worker(pair: Pair) -> tuple[socket.socket, socket.socket]:
    """A socket that the host has sent to the box: the end that the host kept, the end that came."""
    kept, given_away = socket.socketpair()
    port = Socket(given_away)
    number = pair.host.open(port)
    port.take = lambda fd: pair.host.open(Socket(socket.socket(fileno=fd)), number)
    pair.settle()
    return kept, pair.box.came.pop()


def test_what_goes_in_comes_out_at_the_other_end(pair: Pair) -> None:
    host, box = pair.control
    host.send(b"a command")
    pair.settle()
    assert box.recv(100) == b"a command"
    box.send(b"an answer")
    os.write(pair.printed, b"hello")
    pair.settle()
    assert host.recv(100) == b"an answer"
    assert os.read(pair.out, 100) == b"hello"


def test_a_socket_crosses_and_ends_at_both_ends(pair: Pair) -> None:
    kept, came = _worker(pair)
    kept.send(b"there")
    came.send(b"and back")
    pair.settle()
    assert (came.recv(100), kept.recv(100)) == (b"there", b"and back")
    came.close()
    pair.settle()
    assert kept.recv(100) == b""
    kept.close()
    other, second = _worker(pair)
    other.close()
    pair.settle()
    assert second.recv(100) == b""
    second.close()


def test_a_socket_travels_along_another_with_the_bytes_that_it_was_sent_with(pair: Pair) -> None:
    kept, came = _worker(pair)
    ours, theirs = socket.socketpair()
    kept.send(b"before")
    socket.send_fds(kept, [b"copy yourself"], [theirs.fileno()])
    theirs.close()
    pair.settle()
    data, (fd,), _, _ = socket.recv_fds(came, 100, 4)
    copy = socket.socket(fileno=fd)
    assert (data + came.recv(100) if data == b"before" else data) == b"beforecopy yourself"
    ours.send(b"are you there")
    copy.send(b"yes")
    pair.settle()
    assert (copy.recv(100), ours.recv(100)) == (b"are you there", b"yes")
    copy.close()
    pair.settle()
    assert ours.recv(100) == b""
    for sock in (kept, came, ours):
        sock.close()


def test_what_comes_from_a_worker_brings_no_descriptors(pair: Pair) -> None:
    kept, came = _worker(pair)
    before = len(os.listdir("/proc/self/fd"))
    socket.send_fds(came, [b"take this"], [0, 1, 2])
    pair.settle()
    assert socket.recv_fds(kept, 100, 4)[:2] == (b"take this", [])
    assert len(os.listdir("/proc/self/fd")) == before
    for sock in (kept, came):
        sock.close()


def test_a_process_takes_signals_and_its_end_is_told(pair: Pair) -> None:
    child = os.fork()
    if child == 0:
        select.select([], [], [])
    pair.box.open(Process(os.pidfd_open(child)))
    pair.settle()
    handle = pair.host.came.pop()
    handle.setblocking(False)
    with pytest.raises(BlockingIOError):
        handle.recv(1)
    handle.send(bytes([9]))
    pair.settle()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -9
    pair.settle()
    assert handle.recv(1) == b""
    handle.close()


def test_what_was_printed_is_in_the_pipe_when_the_frame_that_follows_arrives(pair: Pair) -> None:
    """More than a pipe holds: the frame has to wait until the reader has made room."""
    kept, came = _worker(pair)
    for thing in (kept, came):
        thing.setblocking(False)
    for fd in (pair.printed, pair.out):
        os.set_blocking(fd, False)
    unsent, sent, seen, frame = b"x" * 300_000, False, 0, b""
    for _ in range(1000):
        if unsent and _takes(pair.printed):
            unsent = unsent[os.write(pair.printed, unsent) :]
        elif not unsent and not sent:
            sent = came.send(b"frame") > 0
        pair.settle()
        try:
            frame = kept.recv(100)
            break
        except BlockingIOError:
            seen += _drained(pair.out, 10_000)
    assert frame == b"frame"
    assert seen < 300_000 == seen + _drained(pair.out, 300_000)
    for sock in (kept, came):
        sock.close()


def _takes(fd: int) -> bool:
    return bool(select.select([], [fd], [], 0)[1])


def _drained(fd: int, most: int) -> int:
    """How many bytes were there."""
    count = 0
    while count < most and select.select([fd], [], [], 0)[0]:
        count += len(os.read(fd, most - count))
    return count


def test_output_of_before_holds_up_no_worker_that_came_later(pair: Pair) -> None:
    os.set_blocking(pair.printed, False)
    while True:  # nobody reads at the host: fill all that is on the way
        try:
            os.write(pair.printed, bytes(PIECE))
        except BlockingIOError:
            pair.settle()
            try:
                os.write(pair.printed, bytes(PIECE))
            except BlockingIOError:
                break
    kept, came = _worker(pair)
    came.send(b"ready")
    pair.settle()
    assert kept.recv(100) == b"ready"
    for sock in (kept, came):
        sock.close()


def test_the_end_of_a_process_is_told_though_nobody_reads_what_it_said(pair: Pair) -> None:
    kept, came = _worker(pair)
    child = os.fork()
    if child == 0:
        select.select([], [], [])
    pair.box.open(Process(os.pidfd_open(child)))
    came.setblocking(False)
    for _ in range(40):
        with contextlib.suppress(BlockingIOError):
            came.send(bytes(PIECE))
        pair.settle()
    handle = pair.host.came.pop()
    handle.setblocking(False)
    os.kill(child, 9)
    os.waitpid(child, 0)
    ended, deadline = False, time.monotonic() + 30
    while not ended:
        assert time.monotonic() < deadline
        pair.settle()
        with contextlib.suppress(BlockingIOError):
            ended = handle.recv(1) == b""
    for sock in (kept, came, handle):
        sock.close()


def test_a_lane_that_nobody_reads_holds_up_no_other(pair: Pair) -> None:
    kept, came = _worker(pair)
    came.setblocking(False)
    sent = 0
    for _ in range(200):
        try:
            sent += came.send(bytes(PIECE))
        except BlockingIOError:
            pair.settle()
    assert sent < 4 * WINDOW
    pair.control[1].send(b"an answer")
    pair.settle()
    assert pair.control[0].recv(100) == b"an answer"
    kept.setblocking(False)
    got = 0
    while got < sent:
        got += len(kept.recv(1 << 20))
        pair.settle()
    assert got == sent
    for sock in (kept, came):
        sock.close()


@pytest.mark.parametrize(
    ("bytes_", "why"),
    [
        (encode(OPEN, 4), "lane 4 was opened"),
        (encode(OPEN, 5), "lane 5 was opened"),
        (encode(OPEN, 1), "lane 1 was opened"),
        (encode(DATA, 3, data=b"x"), "never was"),
        (encode(DATA, 4, data=b"x"), "never was"),
        (encode(CLOSE, 70_000), "never was"),
        (encode(TAKEN, 0, size=1), "more was taken"),
        (encode(DATA, 0, data=bytes(PIECE)) * (WINDOW // PIECE + 40), "more was sent"),
        (b"".join(encode(OPEN, number) for number in range(3, 1000, 2)), "was opened; there are 256"),
        (encode(DATA, 0, data=bytes(PIECE)) * 16 + encode(AFTER, 0) * 200_000, "pieces of one lane"),
        (b"\x00" * 9, "kind 0"),
        (b"\xff" * 9, "kind 255"),
        (streams.encode(DATA, 0, size=PIECE + 1), "a piece of"),
        (streams.encode(DATA, 0, size=0), "a piece of"),
    ],
)
def test_a_box_that_breaks_the_rules_is_refused(bytes_: bytes, why: str) -> None:
    """As the host sees it: nobody reads what it delivers, and the box sends what it likes."""
    near, far = socket.socketpair()
    control, _kept = socket.socketpair()
    pipes = os.pipe(), os.pipe()
    host = End(Pipes(near.fileno(), near.fileno()), _ports(control, pipes[0][1], pipes[1][1]), inside=False)
    far.setblocking(False)
    try:
        with pytest.raises(MuxError, match=why):
            _say_all(far, bytes_, host)
    finally:
        host.close()
        for sock in (near, far, _kept, *host.came):
            sock.close()
        for fd in (pipes[0][0], pipes[1][0]):
            os.close(fd)


def _say_all(far: socket.socket, data: bytes, host: End) -> None:
    while data:
        data = data[far.send(data) :]
        host.turn(0)
    while host.turn(0):
        pass


@given(st.lists(st.tuples(st.sampled_from([DATA, TAKEN, OPEN, CLOSE, AFTER, ALIVE]), st.integers(0, 300))), st.data())
def test_messages_survive_any_cutting(wanted: list[tuple[int, int]], data: st.DataObject) -> None:
    messages = [encode(kind, lane, data=b"d" * (lane + 1) if kind == DATA else b"") for kind, lane in wanted]
    whole, decoder, seen = b"".join(messages), Decoder(), list[tuple[int, int]]()
    while whole:
        cut = data.draw(st.integers(1, len(whole)))
        decoder.feed(whole[:cut])
        whole = whole[cut:]
        while (message := decoder.next()) is not None:
            assert message.data == (b"d" * (message.lane + 1) if message.kind == DATA else b"")
            seen.append((message.kind, message.lane))
    assert seen == wanted


@given(st.binary(max_size=4000))
def test_no_bytes_do_harm(noise: bytes) -> None:
    decoder = Decoder()
    decoder.feed(noise)
    try:
        while (message := decoder.next()) is not None:
            assert len(message.data) <= mux.PIECE
    except MuxError:
        pass
