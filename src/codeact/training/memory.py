"""What to say when memory does not suffice."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import torch

from codeact.errors import SetupError
from codeact.training.settings import Settings

_WORDS = ("not enough memory", "can't allocate memory", "out of memory")  # of a RuntimeError, on CPUs and elsewhere


@contextmanager
def explained(settings: Settings) -> Generator[None]:
    """Turn the many forms of running out of memory into one that says what helps.

    What the kernel kills (no memory left on the whole machine) cannot be caught; `--resume` goes on from the last
    checkpoint.

    Raises:
        SetupError: there was not enough memory.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:  # torch.OutOfMemoryError is a RuntimeError
        if not isinstance(error, (MemoryError, torch.OutOfMemoryError)) and not _says_so(error):
            raise
        raise SetupError(
            f"out of memory; lower {', '.join(remedies(settings))}; then --resume or start again"
        ) from error


def remedies(settings: Settings) -> list[str]:
    """What takes memory, the cheapest to give up first."""
    found = [f"--at-once (it is {settings.at_once})"] if settings.at_once > 1 else []
    if not settings.checkpointing:
        found.append("what is kept of each layer (--checkpointing)")
    found.append(f"--length (it is {settings.length:,})")
    if settings.full:
        found.append("what is trained (an adapter: leave --full out)")
    else:
        found.append(f"--rank (it is {settings.rank})")
    return found


def _says_so(error: RuntimeError) -> bool:
    return any(words in str(error).lower() for words in _WORDS)
