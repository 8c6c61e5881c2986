"""Removing a folder whatever an agent has made of it: nested deeper than any path, closed to its owner, full of links.

For the end of a session only: nothing of an agent's may still run, or a path could change between two looks at it.
"""

from __future__ import annotations

import contextlib
import os
from collections import deque
from pathlib import Path


def remove(folder: str) -> None:
    """Remove all of it, as far as its owner may. Links are removed, never followed; a folder that is gone is fine."""
    top = Path(folder)
    waiting, numbers = deque([top]), iter(range(1, 1 << 62))
    emptied = list[Path]()
    while waiting:
        here = waiting.popleft()
        with contextlib.suppress(OSError):
            here.chmod(0o700)
            for entry in list(os.scandir(here)):
                if entry.is_dir(follow_symlinks=False):
                    # Up to the top, so that no path grows longer. Moving a folder needs the right to write in it.
                    Path(entry.path).chmod(0o700)
                    waiting.append(Path(entry.path).rename(top / f".removed-{os.getpid()}-{next(numbers)}"))
                else:
                    Path(entry.path).unlink(missing_ok=True)
        emptied.append(here)
    for path in reversed(emptied):
        with contextlib.suppress(OSError):
            path.rmdir()
