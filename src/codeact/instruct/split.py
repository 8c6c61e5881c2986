"""Training and validation, split by task: what is validated on has never been trained on."""

from __future__ import annotations

from hashlib import sha256
from typing import Literal

from codeact.instruct.row import Row

Part = Literal["train", "validation"]
PARTS: tuple[Part, ...] = ("train", "validation")


def part_of(row: Row, share: float, seed: int = 0) -> Part:
    """Where a row belongs. The seed and the task's name alone decide, so a set that grows moves no task over."""
    digest = sha256(f"{seed}/{row.task}".encode()).digest()
    drawn = int.from_bytes(digest[:8]) / 2**64
    return "validation" if drawn < share else "train"
