"""Standard input and output as the wire of a protocol: nothing else reaches the client, whoever prints."""

from __future__ import annotations

import os
import stat
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def claimed() -> Generator[tuple[int, int]]:
    """Standard input and output as descriptors that no child inherits; in their places nothing, and standard error."""
    source, target, nothing = os.dup(0), os.dup(1), os.open(os.devnull, os.O_RDONLY)
    try:
        os.dup2(nothing, 0)
        os.dup2(2, 1)
        yield source, target
    finally:
        os.dup2(source, 0)
        os.dup2(target, 1)
        for descriptor in (source, target, nothing):
            os.close(descriptor)


def pollable(descriptor: int) -> bool:
    """Files and /dev/null never block, and cannot be waited for."""
    mode = os.fstat(descriptor).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(descriptor)
