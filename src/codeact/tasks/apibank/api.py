"""What an API is here: a function over the world, and what makes two calls of it the same."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Annotated, Any, Literal, cast

from pydantic import BeforeValidator

from codeact.actions import literals
from codeact.tasks.apibank.dialogues import Response
from codeact.tools import FunctionTool, tool
from codeact.types import JSON

Same = Callable[[JSON, JSON], bool]


@dataclass(frozen=True, slots=True)
class Difference:
    """What two calls of one API differ in."""

    text: str
    failure: Literal["wrong argument", "exception"] = "wrong argument"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checker:
    """Compares what a call gave with the ground truth, as the publisher's checker of that API does.

    Arguments that are not named in `arguments` must be equal where `others` says so, and do not count where not.
    """

    arguments: Mapping[str, Same] = field(default_factory=dict[str, Same])
    others: bool = True
    output: Same | None = operator.eq
    """None: only whether it failed counts. What APIs make up (ids, tokens) cannot be compared."""
    broken: str = ""  # why the original's checker accepts nothing

    def difference(self, given: Response, wanted: Response) -> Difference | None:
        """What is not the same; None when all that counts is."""
        if self.broken:
            return Difference(self.broken)
        for name in dict.fromkeys([*wanted.arguments, *given.arguments]):
            mine, right = given.arguments.get(name), wanted.arguments.get(name)
            if name not in self.arguments and not self.others:
                continue
            same = self.arguments.get(name, operator.eq)
            if (mine is None) != (right is None) or (mine is not None and not same(mine, right)):
                return Difference(f"argument {name} is {_shown(mine)}, not {_shown(right)}")
        if given.exception is not None and wanted.exception is None:
            return Difference(f"it failed: {given.exception}", "exception")
        if given.exception is None and wanted.exception is not None:
            return Difference(f"it worked, and should have failed: {wanted.exception}")
        if self.output and not self.output(given.output, wanted.output):
            return Difference(f"it gave {_shown(given.output)}, not {_shown(wanted.output)}")
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """`run` takes the world, then its parameters. Its docstring and its types are what a model is told."""

    name: str
    domain: str
    run: Callable[..., JSON]
    checker: Checker = field(default_factory=Checker)

    @property
    def tool(self) -> FunctionTool[..., Any]:
        """The description and the checks of the arguments; calls need a world (see `desk`)."""
        return _tool(self.name, self.run)


@cache
def _tool(name: str, run: Callable[..., JSON]) -> FunctionTool[..., Any]:
    return tool(partial(run, None), name=name)


# --- types of parameters --------------------------------------------------------------------------


def _as_text(value: JSON) -> JSON:
    """A number where a text is wanted is its text: not every format can show that digits are one."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _as_list(value: JSON) -> JSON:
    """A list that was written inside quotes is that list, as the data set itself writes lists."""
    found = literals.read_value(value) if isinstance(value, str) else None
    return found.value if found else value


def _as_reading(value: JSON) -> JSON:
    """The values of a measurement are texts (120/80); one that is a number may come as one."""
    if not isinstance(value, Mapping):
        return value
    return {name: _as_text(item) for name, item in cast("Mapping[str, JSON]", value).items()}


Words = Annotated[str, BeforeValidator(_as_text)]
Names = Annotated[list[str], BeforeValidator(_as_list)]
Reading = Annotated[dict[str, str], BeforeValidator(_as_reading)]
Readings = Annotated[list[Reading], BeforeValidator(_as_list)]


def _shown(value: JSON) -> str:
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:100]}…"
