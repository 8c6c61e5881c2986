"""Action spaces: how a model writes an action, and what it sees of the result.

Pure functions over values; usable without the rest of the package.
"""

from __future__ import annotations

from codeact.actions import code, json_calls, observation, text_calls
from codeact.actions.base import ActionSpace
from codeact.actions.code import CodeSpace
from codeact.actions.json_calls import JsonSpace
from codeact.actions.text_calls import TextSpace
from codeact.errors import UsageError

__all__ = ["DIALECTS", "FORMATS", "ActionSpace", "CodeSpace", "JsonSpace", "TextSpace", "action_space"]

# The first dialect of each space is its default.
DIALECTS: dict[str, tuple[str, ...]] = {
    "code": code.DIALECTS,
    "json": json_calls.DIALECTS,
    "text": text_calls.DIALECTS,
}
FORMATS = tuple(DIALECTS)  # their names, in the order in which they are compared
_SPACES: dict[str, type[CodeSpace | JsonSpace | TextSpace]] = {"code": CodeSpace, "json": JsonSpace, "text": TextSpace}


def action_space(
    name: str, dialect: str | None = None, *, max_observation: int = observation.DEFAULT_LIMIT
) -> ActionSpace:
    """The action space of a name such as `code`, or `code/execute` with its dialect.

    `max_observation` bounds the output shown to the model, in characters.

    Raises:
        UsageError: no such space or dialect.
    """
    space, _, in_name = name.partition("/")
    chosen = dialect or in_name or DIALECTS.get(space, ("",))[0]
    if chosen not in DIALECTS.get(space, ()):
        known = ", ".join(f"{known}/{form}" for known, forms in DIALECTS.items() for form in forms)
        raise UsageError(f"there is no action space {f'{space}/{chosen}' if chosen else space!r}; there are: {known}")
    if max_observation < 1:
        raise UsageError(f"max_observation must be at least 1 character, not {max_observation}")
    return _SPACES[space](dialect=chosen, max_observation=max_observation)
