"""PIL images as values: size, mode and the raw pixels, which need no decoder on the side that trusts the other least.
Part of `values`, loaded only when one is met.

What is beside the pixels (palette, format, metadata, further frames) does not cross: an image with a palette crosses
as the colours that it shows.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .values import JSON, Packer, Reader

Image: Any = importlib.import_module("PIL.Image")

_MODES = frozenset(["1", "L", "LA", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "HSV", "I", "F", "I;16"])
_MAX_SIDE = 1 << 20  # pixels


def write(packer: Packer, value: Any, where: str, depth: int) -> JSON:
    """Raises TypeError for an object of PIL that is no image."""
    if not isinstance(value, Image.Image):
        raise packer.refusal(value, where)
    if max(value.size) > _MAX_SIDE:
        raise TypeError(f"{where} is an image of {value.size} pixels, which cannot cross; cut it")
    if value.mode not in _MODES:
        value = value.convert("RGBA" if value.has_transparency_data else "RGB")
    return {"$": "image", "mode": value.mode, "size": list(value.size), "b": packer.blob(value.tobytes())}


def read(reader: Reader, data: dict[str, JSON]) -> Any:
    """Raises ValueError when the pixels are not as many as the size says."""
    match data:
        case {"mode": str(mode), "size": [int(width), int(height)], "b": reference} if mode in _MODES:
            pass
        case _:
            raise ValueError("not an image")
    if not (0 <= width <= _MAX_SIDE and 0 <= height <= _MAX_SIDE):
        raise ValueError(f"not a size of an image: {width} x {height}")
    pixels = reader.blob(reference)
    if width * height > 8 * len(pixels):  # the smallest mode has a bit for each; larger claims would take memory first
        raise ValueError(f"{len(pixels)} bytes are no image of {width} x {height}")
    return Image.frombytes(mode, (width, height), bytes(pixels))
