"""The two places the command writes to: what was asked for, and remarks on the way."""

from __future__ import annotations

from rich.console import Console


class OutputConsole(Console):
    """Tells when its reader has left, as other writing does; rich itself would end the process on the spot."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def output() -> Console:
    """Standard output."""
    return OutputConsole(highlight=False)


def notices(*, quiet: bool = False) -> Console:
    """Standard error, for lines that are no part of the result. Never broken at a width that nobody asked for."""
    return Console(stderr=True, highlight=False, soft_wrap=True, quiet=quiet)
