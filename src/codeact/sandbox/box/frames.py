"""The frames that pass between the host and a box: a JSON header and raw attachments.

    4 bytes   length of the header, big-endian
    4 bytes   total length of the attachments
    header    JSON: [kind, body, [length of each attachment]]
    …         the attachments, one after the other

A decoder believes nothing: lengths are capped before anything is kept, and whatever is not exactly this raises
`FrameError`. It covers the form of a frame; what its body may hold is for the reader to check.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

MiB = 1024 * 1024
MAX_HEADER = 32 * MiB  # bytes; strings travel in the header
MAX_BLOBS = 256 * MiB  # bytes of attachments in one frame
MAX_COUNT = 100_000  # attachments in one frame

_PREFIX = struct.Struct(">II")

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
    header = json.dumps([frame.kind, frame.body, sizes], separators=(",", ":")).encode("ascii")
    total = sum(sizes)
    if len(header) > MAX_HEADER or total > MAX_BLOBS or len(sizes) > MAX_COUNT:
        raise ValueError(
            f"{len(header):,} bytes of text and {total:,} bytes of data are too much for one message; "
            f"at most {MAX_HEADER:,} and {MAX_BLOBS:,} can cross: write a file of the workspace instead"
        )
    return [_PREFIX.pack(len(header), total) + header, *frame.blobs]


class Decoder:
    """Bytes in, frames out. A partial frame is kept until the rest arrives."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: Blob) -> None:
        self._buffer += data

    def next(self) -> Frame | None:
        """The next whole frame, or None when more bytes are needed.

        Raises:
            FrameError: what came is not a frame.
        """
        if len(self._buffer) < _PREFIX.size:
            return None
        header_size, blob_size = _PREFIX.unpack_from(self._buffer)
        if header_size > MAX_HEADER or blob_size > MAX_BLOBS:
            raise FrameError(f"a frame of {header_size:,} + {blob_size:,} bytes is over the limit")
        end = _PREFIX.size + header_size + blob_size
        if len(self._buffer) < end:
            return None
        start = _PREFIX.size + header_size
        kind, body, sizes = _header(bytes(self._buffer[_PREFIX.size : start]), blob_size)
        blobs = list[bytes]()
        for size in sizes:
            blobs.append(bytes(self._buffer[start : start + size]))
            start += size
        del self._buffer[:end]
        return Frame(kind, body, blobs)


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
