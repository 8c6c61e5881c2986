"""The frames that pass between the host and a box: a JSON header and raw attachments.

    4 bytes   length of the header, big-endian
    4 bytes   total length of the attachments
    header    JSON: [kind, body, [length of each attachment]]
    …         the attachments, one after the other

A decoder believes nothing: lengths are capped before anything is kept, and whatever is not exactly this raises
`FrameError`. It covers the form of a frame; what its body may hold is for the reader to check.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

MiB = 1024 * 1024
MAX_HEADER = 32 * MiB  # bytes; strings travel in the header
MAX_BLOBS = 256 * MiB  # bytes of attachments in one frame
MAX_COUNT = 100_000  # attachments in one frame

_PREFIX = struct.Struct(">II")
_ROOM = 16 * 1024  # bytes of a decoder's buffer; a thousand sessions have two each
_LARGE = 4 * MiB  # bytes of an attachment from which on memory comes straight from the kernel

_to_json = json.JSONEncoder(separators=(",", ":")).encode

Blob = bytes | bytearray | memoryview


class FrameError(Exception):
    """The peer sent something that is not a frame. Nothing after it can be read."""


@dataclass(frozen=True, slots=True)
class Frame:
    kind: str
    body: Mapping[str, Any] = field(default_factory=dict[str, Any])
    blobs: Sequence[Blob] = ()


def encode(frame: Frame) -> list[Blob]:
    """The buffers to send, in order. Attachments are not copied.

    Raises:
        ValueError: the frame is larger than a decoder would take.
    """
    sizes = [len(blob) for blob in frame.blobs]
    header = _to_json([frame.kind, frame.body, sizes]).encode("ascii")
    total = sum(sizes)
    if len(header) > MAX_HEADER or total > MAX_BLOBS or len(sizes) > MAX_COUNT:
        raise ValueError(
            f"{len(header):,} bytes of text and {total:,} bytes of data are too much for one message; "
            f"at most {MAX_HEADER:,} and {MAX_BLOBS:,} can cross: write a file of the workspace instead"
        )
    return [_PREFIX.pack(len(header), total) + header, *frame.blobs]


class Decoder:
    """Bytes in, frames out. A partial frame is kept until the rest arrives.

    Bytes are received where they belong: an attachment into a buffer of its own, which the reader of the frame then
    owns. So 100 MB cross with the one copy that the kernel makes at each end.
    """

    def __init__(self) -> None:
        self._buffer = bytearray(_ROOM)
        self._start = self._end = 0  # of what is in the buffer and not yet taken
        self._begun: _Unfinished | None = None  # its header has come, its attachments not all

    def read(self, receive: Callable[[memoryview], int]) -> int:
        """Have `receive` write the bytes that come next where they belong. How many it said they were."""
        if self._begun is not None and (room := self._begun.room()) is not None and len(room) >= _ROOM:
            count = receive(room)
            self._begun.filled(count)
            return count
        self._make_room()
        with memoryview(self._buffer) as view, view[self._end :] as room:
            count = receive(room)
        self._end += count
        return count

    def feed(self, data: Blob) -> None:
        """Take bytes that were received elsewhere."""
        rest = memoryview(data)
        while rest:

            def copy(room: memoryview, rest: memoryview = rest) -> int:
                count = min(len(room), len(rest))
                room[:count] = rest[:count]
                return count

            rest = rest[self.read(copy) :]
            if self._begun is not None:
                self._fill(self._begun)

    def next(self) -> Frame | None:
        """The next whole frame, or None when more bytes are needed.

        Raises:
            FrameError: what came is not a frame.
        """
        if self._begun is None and (begun := self._begin()) is not None:
            if not begun.sizes:
                return Frame(begun.kind, begun.body)
            self._begun = begun
        if self._begun is None or not self._fill(self._begun):
            return None
        done, self._begun = self._begun, None
        return Frame(done.kind, done.body, done.blobs)

    def _begin(self) -> _Unfinished | None:
        """The header of the next frame, when all of it has come."""
        if self._end - self._start < _PREFIX.size:
            return None
        header_size, blob_size = _PREFIX.unpack_from(self._buffer, self._start)
        if header_size > MAX_HEADER or blob_size > MAX_BLOBS:
            raise FrameError(f"a frame of {header_size:,} + {blob_size:,} bytes is over the limit")
        start = self._start + _PREFIX.size
        if self._end - start < header_size:
            return None
        with memoryview(self._buffer) as view:
            kind, body, sizes = _header(bytes(view[start : start + header_size]), blob_size)
        self._start = start + header_size
        return _Unfinished(kind, body, sizes)

    def _fill(self, frame: _Unfinished) -> bool:
        """Move what has already come to the attachments that it belongs to; whether that is all of them."""
        with memoryview(self._buffer) as view:
            while (room := frame.room()) is not None:
                count = min(len(room), self._end - self._start)
                if not count:
                    return False
                room[:count] = view[self._start : self._start + count]
                self._start += count
                frame.filled(count)
        return True

    def _make_room(self) -> None:
        """For at least half a buffer more. It grows only with what has come, whatever a header says will."""
        waiting = self._end - self._start
        if not waiting:
            if len(self._buffer) > _ROOM:
                self._buffer = bytearray(_ROOM)
            self._start = self._end = 0
        elif len(self._buffer) - self._end < _ROOM // 2:
            larger = bytearray(max(_ROOM, 2 * waiting))
            with memoryview(self._buffer) as view:
                larger[:waiting] = view[self._start : self._end]
            self._buffer, self._start, self._end = larger, 0, waiting


class _Unfinished:
    """A frame whose header has come, and those of its attachments that have."""

    def __init__(self, kind: str, body: dict[str, Any], sizes: list[int]) -> None:
        self.kind = kind
        self.body = body
        self.sizes = sizes
        self.blobs = list[Blob]()
        self._room: memoryview | None = None  # what is still free of the last one

    def room(self) -> memoryview | None:
        """Where the next bytes belong; None when all have come. A buffer is made only when its first bytes come."""
        while self._room is None or not len(self._room):
            if len(self.blobs) == len(self.sizes):
                return None
            self.blobs.append(_space(self.sizes[len(self.blobs)]))
            self._room = memoryview(self.blobs[-1])
        return self._room

    def filled(self, count: int) -> None:
        self._room = self._room and self._room[count:]


def _space(size: int) -> Blob:
    """Memory for an attachment. A large one in huge pages: to touch 25,000 small ones for the first time costs more
    than to copy them, and so does to fork them. Not shared with forks, which would see each other's changes.
    """
    if size < _LARGE:
        return bytearray(size)
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with contextlib.suppress(OSError):  # a kernel without them
        memory.madvise(mmap.MADV_HUGEPAGE)
    return memoryview(memory)


def _header(data: bytes, blob_size: int) -> tuple[str, dict[str, Any], list[int]]:
    try:
        header: Any = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise FrameError(f"the header is not JSON: {error}") from None
    if not isinstance(header, list) or len(cast("list[Any]", header)) != 3:
        raise FrameError("the header is not a list of three")
    kind, body, sizes = cast("list[Any]", header)
    if not isinstance(kind, str) or not isinstance(body, dict) or not isinstance(sizes, list):
        raise FrameError("the header is not [text, object, list]")
    lengths = cast("list[Any]", sizes)
    if len(lengths) > MAX_COUNT or not all(type(size) is int and size >= 0 for size in lengths):
        raise FrameError("the lengths of the attachments are not whole numbers")
    if sum(lengths) != blob_size:
        raise FrameError("the lengths of the attachments do not add up")
    return kind, cast("dict[str, Any]", body), lengths
