"""The frame decoder: what is sent arrives, in whatever pieces; what is not a frame is refused."""

from __future__ import annotations

import contextlib
import json
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codeact.sandbox.box.frames import MAX_BLOBS, MAX_HEADER, Decoder, Frame, FrameError, encode

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
FRAMES = st.builds(Frame, st.text(), st.dictionaries(st.text(), JSON), st.lists(st.binary(), max_size=3))


def decode_all(data: bytes, size: int) -> list[Frame]:
    decoder, found = Decoder(), list[Frame]()
    for start in range(0, len(data), size):
        decoder.feed(data[start : start + size])
        while (frame := decoder.next()) is not None:
            found.append(frame)
    return found


@given(st.lists(FRAMES, max_size=4), st.integers(1, 200))
@settings(max_examples=50)
def test_frames_survive_any_cut(frames: list[Frame], size: int) -> None:
    data = b"".join(bytes(buffer) for frame in frames for buffer in encode(frame))
    assert [(f.kind, f.body, list(f.blobs)) for f in decode_all(data, size)] == [
        (f.kind, f.body, f.blobs) for f in frames
    ]


@given(st.binary(max_size=300))
def test_noise_is_refused_or_waited_for(noise: bytes) -> None:
    with contextlib.suppress(FrameError):
        decode_all(noise, 50)


@given(JSON, st.integers(0, 20))
def test_any_json_header_is_a_frame_or_refused(header: Any, blobs: int) -> None:
    data = json.dumps(header).encode()
    with contextlib.suppress(FrameError):
        decode_all(struct.pack(">II", len(data), blobs) + data + bytes(blobs), 1000)


@pytest.mark.parametrize(
    "data",
    [
        struct.pack(">II", 0xFFFFFFFF, 0),
        struct.pack(">II", MAX_HEADER + 1, 0),
        struct.pack(">II", 2, MAX_BLOBS + 1),
        struct.pack(">II", 100_000, 0) + b"[" * 100_000,
        struct.pack(">II", 2, 0) + b"{}",
        struct.pack(">II", 12, 0) + b'["a",{},[1]]',
        struct.pack(">II", 13, 0) + b'["a",{},[-1]]'[:13],
        struct.pack(">II", 15, 1) + b'["a",{},[true]]' + b"x",
        struct.pack(">II", 5005, 0) + b"[" + b"9" * 5003 + b"]",
    ],
)
def test_hostile_frames_are_refused_at_once(data: bytes) -> None:
    with pytest.raises(FrameError):
        decode_all(data, len(data))


def test_a_frame_too_large_is_not_sent() -> None:
    class Huge(bytes):
        def __len__(self) -> int:
            return MAX_BLOBS + 1

    with pytest.raises(ValueError, match="too much for one message"):
        encode(Frame("x", {}, [Huge()]))
