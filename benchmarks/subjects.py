"""The seam between what is measured and how: a subject opens interpreters that have the data stack imported."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol

STACK = "import numpy, pandas, matplotlib.pyplot"


class SkippedError(Exception):
    """This subject cannot be measured here; the text says why."""


class Interpreter(Protocol):
    @property
    def interruptible(self) -> bool: ...

    async def run(self, code: str) -> None:
        """Run code and wait for its end. `take(value)` in it calls a function of the host."""
        ...

    async def interrupt(self) -> None:
        """Stop the code that is running, whose `run` then returns."""
        ...


class Subject(Protocol):
    @property
    def name(self) -> str: ...

    def opened(self) -> AbstractAsyncContextManager[None]:
        """What is there before the first interpreter is asked for: a warm server, where there is one.

        Raises `SkippedError`.
        """
        ...

    def interpreter(self) -> AbstractAsyncContextManager[Interpreter]: ...
