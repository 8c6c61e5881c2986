"""The streams of a program over a WebSocket, however the other end cuts its messages and however slowly it reads."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from codeact.sandbox.kubernetes.exec import ExecStream

_URI = parse_uri("ws://localhost/exec")


class Server:
    """The other end of a connection that is open already."""

    def __init__(self) -> None:
        near, self.socket = socket.socketpair()
        self.socket.settimeout(10)
        self.protocol = ServerProtocol(state=State.OPEN)
        self.stream = ExecStream(near, ClientProtocol(_URI, state=State.OPEN))

    def send(self) -> None:
        self.socket.sendall(b"".join(self.protocol.data_to_send()))

    def receive(self) -> list[Frame]:
        self.protocol.receive_data(self.socket.recv(1 << 20))
        return [event for event in self.protocol.events_received() if isinstance(event, Frame)]

    def close(self) -> None:
        self.stream.close()
        self.socket.close()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


@given(st.lists(st.tuples(st.integers(1, 4), st.lists(st.binary(max_size=30), min_size=1, max_size=4)), max_size=8))
def test_messages_are_sorted_by_channel_however_they_are_cut(messages: list[tuple[int, list[bytes]]]) -> None:
    server = Server()
    for channel, (first, *others) in messages:
        server.protocol.send_binary(bytes([channel]) + first, fin=not others)
        server.protocol.send_ping(b"in between")
        for number, other in enumerate(others, 1):
            server.protocol.send_continuation(other, fin=number == len(others))
    server.send()
    said = {channel: b"".join(b"".join(parts) for number, parts in messages if number == channel) for channel in (1, 2)}
    assert (server.stream.read() or b"") == said[1]
    if messages:
        assert [frame.opcode for frame in server.receive()] == [Opcode.PONG] * len(messages)
    server.close()


def test_what_is_beside_standard_output_is_kept_for_people(server: Server) -> None:
    server.protocol.send_binary(b"\x02no such file\n")
    server.protocol.send_binary(b'\x03{"status":"Failure"}')
    server.protocol.send_binary(b"")
    server.send()
    assert server.stream.read() is None
    assert server.stream.last_words == 'no such file\n{"status":"Failure"}'


def test_a_piece_is_taken_when_all_of_it_is_on_its_way(server: Server) -> None:
    data = bytes(range(256)) * 20_000
    sent, stuck, got = 0, 0, bytearray()
    while sent < len(data):
        count = server.stream.write(data[sent:])
        sent += count
        if not count:
            stuck += 1
            got += b"".join(_input(frame) for frame in server.receive())
    while len(got) < len(data):
        got += b"".join(_input(frame) for frame in server.receive())
    assert stuck
    assert bytes(got) == data


def _input(frame: Frame) -> bytes:
    data = bytes(frame.data)
    assert data[0] == 0
    return data[1:]


@pytest.mark.parametrize("politely", [True, False])
def test_the_end_is_found_by_reading_and_by_writing(server: Server, politely: bool) -> None:
    assert (server.stream.read(), server.stream.ended) == (None, False)
    server.protocol.send_binary(b"\x01last")
    if politely:
        server.protocol.send_close()
    server.send()
    server.socket.close()
    found = server.stream.read()
    assert (found, server.stream.read(), server.stream.ended) == (b"last", b"", True)
    with pytest.raises(BrokenPipeError):
        _write_on(server.stream)


def _write_on(stream: ExecStream) -> None:
    """A socket may take one more message before it says that nobody reads."""
    for _ in range(3):
        stream.write(b"x")
