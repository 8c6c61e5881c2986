"""The frame decoder: what is sent arrives, in whatever pieces; what is not a frame is refused."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import struct
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codeact.sandbox.box.channel import Channel
from codeact.sandbox.box.frames import MAX_BLOBS, MAX_HEADER, Decoder, Frame, FrameError, encode
from codeact.sandbox.box.values import Packer, Reader

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
@settings(max_examples=50, deadline=None)
def test_frames_survive_any_cut(frames: list[Frame], size: int) -> None:
    data = b"".join(bytes(buffer) for frame in frames for buffer in encode(frame))
    assert [(f.kind, f.body, list(f.blobs)) for f in decode_all(data, size)] == [
        (f.kind, f.body, f.blobs) for f in frames
    ]


@given(st.binary(max_size=300))
@settings(deadline=None)
def test_noise_is_refused_or_waited_for(noise: bytes) -> None:
    with contextlib.suppress(FrameError):
        decode_all(noise, 50)


@given(JSON, st.integers(0, 20))
@settings(deadline=None)
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


def test_frames_of_all_sizes_follow_each_other() -> None:
    sizes = [0, 1, 16_383, 16_384, 16_385, 1 << 20, 5 << 20, 3]
    frames = [Frame(str(size), {"text": "x" * size}, [bytes(size), b"", b"y" * size]) for size in sizes]
    data = b"".join(bytes(buffer) for frame in frames for buffer in encode(frame))
    found = decode_all(data, 100_000)
    assert [(f.kind, f.body, [bytes(blob) for blob in f.blobs]) for f in found] == [
        (f.kind, f.body, f.blobs) for f in frames
    ]


def test_a_claimed_size_costs_nothing_until_it_comes() -> None:
    before = memory("VmRSS")
    header = json.dumps(["call", {}, [MAX_BLOBS - 5, 5]]).encode()
    decoders = [Decoder() for _ in range(8)]
    for decoder in decoders:
        decoder.feed(struct.pack(">II", len(header), MAX_BLOBS) + header + b"x")
        assert decoder.next() is None
    assert memory("VmRSS") - before < 64 << 20  # of 2 GiB; a huge page each


def test_a_large_array_is_received_once_and_not_copied() -> None:
    size = 128 << 20
    packer = Packer()
    packed = packer.pack(np.arange(size // 8))
    ours, theirs = socket.socketpair()
    with ours, theirs:
        sender = threading.Thread(target=Channel(theirs).send, args=(Frame("x", {"v": packed}, packer.blobs),))
        sender.start()
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        before = memory("VmHWM")
        frame = Channel(ours).receive()
        array = Reader(frame.blobs).unpack(frame.body["v"])
        sender.join()
    assert memory("VmHWM") - before < size * 1.5
    assert np.shares_memory(array, np.frombuffer(frame.blobs[0], np.uint8))
    assert array.flags.writeable
    assert array[-1] == size // 8 - 1


def test_an_attachment_is_the_memory_of_one_array_only() -> None:
    array = {"$": "array", "dtype": "|u1", "shape": [4], "b": 0}
    with pytest.raises(ValueError, match="memory of another value"):
        Reader([bytearray(4)]).unpack([array, array])


def memory(name: str) -> int:
    """Bytes of this process, by the kernel's account."""
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) * 1024
