"""What to say when memory or the disk does not suffice."""

from __future__ import annotations

import errno
from collections.abc import Generator
from contextlib import contextmanager

import torch
from safetensors import SafetensorError

from codeact.errors import SetupError
from codeact.training.settings import Settings

_NO_MEMORY = ("not enough memory", "can't allocate memory", "out of memory")  # of a RuntimeError, on CPUs and elsewhere
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_UNWRITTEN = ("PytorchStreamWriter failed", "os error 28", "os error 27", "os error 122")  # of torch and safetensors


@contextmanager
def explained(settings: Settings) -> Generator[None]:
    """Turn the many forms of running out of memory, or of room on the disk, into one that says what helps.

    What the kernel kills (no memory left on the whole machine) cannot be caught; `--resume` goes on from the last
    checkpoint.

    Raises:
        SetupError: there was not enough.
    """
    try:
        yield
    except (MemoryError, RuntimeError, OSError, SafetensorError) as error:
        if _is_memory(error):
            words = f"out of memory; lower {', '.join(remedies(settings))}; then --resume or start again"
        elif _is_room(error):
            words = "the disk of the training's folder is full; free some space, then --resume goes on as far as it was"
        else:
            raise
        raise SetupError(words) from error


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


def _is_memory(error: Exception) -> bool:
    """torch.OutOfMemoryError is a RuntimeError."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _NO_MEMORY)


def _is_room(error: Exception) -> bool:
    if isinstance(error, OSError):
        return error.errno in _NO_ROOM
    return any(words in str(error) for words in _UNWRITTEN)
