"""Formats that a suite does not have."""

from __future__ import annotations

from collections.abc import Callable

from codeact.actions import action_space
from codeact.actions.base import ActionSpace
from codeact.errors import UsageError


def code_only(suite: str) -> Callable[[str], ActionSpace]:
    """For `Rules.space`, where all that there is to use is Python: without it there would be nothing to act with."""

    def space(format: str) -> ActionSpace:
        if format != "code":
            raise UsageError(
                f"{suite} has no tools, so it cannot be played in {format!r} actions; remedy: actions='code' "
                "(on the command line: --actions code)"
            )
        return action_space(format)

    return space
