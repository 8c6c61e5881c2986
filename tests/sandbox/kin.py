"""The processes below another, for tests of what is left behind."""

from __future__ import annotations

import contextlib
from pathlib import Path


def below(pid: int) -> set[int]:
    """All processes that a process has, zombies included; without itself. Any of them may end while we look."""
    found, waiting = set[int](), [pid]
    while waiting:
        with contextlib.suppress(OSError):
            for task in list(Path(f"/proc/{waiting.pop()}/task").iterdir()):
                children = {int(word) for word in (task / "children").read_text().split()}
                found |= children
                waiting += children
    return found
