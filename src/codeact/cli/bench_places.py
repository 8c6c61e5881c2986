"""Where the episodes of a bench are played."""

from __future__ import annotations

from typing import Any

from codeact.cli.bench_options import BenchOptions
from codeact.cli.places import options_of


def sandbox_options(options: BenchOptions) -> dict[str, Any]:
    """Of the sandbox that is asked for."""
    given: dict[str, Any] = {"require": options.require}
    if options.sandbox == "local":
        given["checkpoints"] = "none"  # of no use in an episode, which nobody takes back
    return options_of(options.sandbox, options.sandbox_option, **given)
