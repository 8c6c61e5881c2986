"""A base that trains in a second: random weights of two small layers below the real tokenizer and template of a model.

The header of the model's own file is taken as it is, its sizes are written over, and tensors of those sizes follow.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

HIDDEN, INNER, LAYERS, HEADS, KEY_HEADS = 64, 128, 2, 4, 2
SIZES = {
    "block_count": LAYERS,
    "embedding_length": HIDDEN,
    "feed_forward_length": INNER,
    "attention.head_count": HEADS,
    "attention.head_count_kv": KEY_HEADS,
    "rope.dimension_count": HIDDEN // HEADS,
}
_ALIGNMENT = 32


def write_tiny_base(path: Path, model: Path, *, architecture: str, vocabulary: int) -> Path:
    """Write a GGUF file in the image of `model`."""
    shapes = tensor_shapes(vocabulary, biases=architecture == "qwen2")
    with model.open("rb") as file:
        values = bytearray(file.read(16 * 1024 * 1024))  # more than any header has
    begins = (struct.pack("<Q", len(name)) + name.encode() for name in (*shapes, "output.weight"))
    del values[min(values.index(begin) for begin in begins if begin in values) :]
    for key, size in SIZES.items():
        name = f"{architecture}.{key}".encode()
        if name in values:
            struct.pack_into("<I", values, values.index(name) + len(name) + 4, size)
    struct.pack_into("<Q", values, 8, len(shapes))
    path.write_bytes(_with_tensors(values, shapes))
    return path


def tensor_shapes(vocabulary: int, *, biases: bool) -> dict[str, tuple[int, ...]]:
    """The tensors of the file, as (rows, columns)."""
    keys = HIDDEN // HEADS * KEY_HEADS
    shapes: dict[str, tuple[int, ...]] = {"token_embd.weight": (vocabulary, HIDDEN), "output_norm.weight": (HIDDEN,)}
    for layer in range(LAYERS):
        rows = {"attn_q": HIDDEN, "attn_k": keys, "attn_v": keys}
        inner = {"attn_output": (HIDDEN, HIDDEN), "ffn_gate": (INNER, HIDDEN), "ffn_up": (INNER, HIDDEN)}
        inner |= {"ffn_down": (HIDDEN, INNER)} | {name: (size, HIDDEN) for name, size in rows.items()}
        shapes |= {f"blk.{layer}.{name}.weight": shape for name, shape in inner.items()}
        shapes |= {f"blk.{layer}.{name}.weight": (HIDDEN,) for name in ("attn_norm", "ffn_norm")}
        if biases:
            shapes |= {f"blk.{layer}.{name}.bias": (size,) for name, size in rows.items()}
    return shapes


def _with_tensors(header: bytearray, shapes: dict[str, tuple[int, ...]]) -> bytes:
    numbers, infos, data = np.random.default_rng(1), bytearray(), bytearray()
    for name, shape in shapes.items():
        infos += struct.pack("<Q", len(name)) + name.encode() + struct.pack("<I", len(shape))
        infos += b"".join(struct.pack("<Q", size) for size in reversed(shape))
        infos += struct.pack("<IQ", 0, len(data))  # float32
        values = np.ones(shape) if "norm" in name else numbers.normal(0, 0.1, shape)
        data += values.astype(np.float32).tobytes()
        data += bytes(-len(data) % _ALIGNMENT)
    whole = header + infos
    return bytes(whole + bytes(-len(whole) % _ALIGNMENT) + data)
