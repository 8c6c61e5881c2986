"""The messages of a `Mux`: many lanes over one byte stream.

    1 byte    what it is
    4 bytes   the number of its lane, big-endian
    4 bytes   a number: the length of the data that follow, how many bytes were taken, or of another lane

The decoder believes nothing: a piece is capped before it is kept, and what is not exactly this raises `MuxError`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

DATA = 1  # `size` bytes of a lane
TAKEN = 2  # so many bytes of the lane have arrived where they belong: there is room for as many more
OPEN = 3  # a lane of the sender's making; the number is that of the lane along which its descriptor travels
CLOSE = 4  # nothing more will come on this lane
AFTER = 5  # what comes next on this lane comes after all that the lanes it waits for have said so far
ALIVE = 6  # says just that

PIECE = 1 << 16  # bytes of data in one message
_HEAD = struct.Struct(">BII")


class MuxError(Exception):
    """The peer broke the rules of the stream. Nothing after it can be trusted."""


@dataclass(frozen=True, slots=True)
class Message:
    kind: int
    lane: int
    size: int
    data: bytes = b""


def encode(kind: int, lane: int = 0, *, size: int = 0, data: bytes = b"") -> bytes:
    return _HEAD.pack(kind, lane, len(data) or size) + data


class Decoder:
    """Bytes in, messages out. A partial message is kept until the rest arrives."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        self._buffer += data

    def next(self) -> Message | None:
        """The next whole message, or None when more bytes are needed.

        Raises:
            MuxError: what came is not a message.
        """
        if len(self._buffer) < _HEAD.size:
            return None
        kind, lane, size = _HEAD.unpack_from(self._buffer)
        if not DATA <= kind <= ALIVE:
            raise MuxError(f"a message of kind {kind}")
        if kind != DATA:
            del self._buffer[: _HEAD.size]
            return Message(kind, lane, size)
        if not 0 < size <= PIECE:
            raise MuxError(f"a piece of {size:,} bytes; there may be 1 to {PIECE:,}")
        if len(self._buffer) < (end := _HEAD.size + size):
            return None
        data = bytes(self._buffer[_HEAD.size : end])
        del self._buffer[:end]
        return Message(kind, lane, size, data)
