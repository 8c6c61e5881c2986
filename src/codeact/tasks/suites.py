"""Suites by name: the built-in ones, and those that other packages register.

Another package adds one in its pyproject.toml, under `[project.entry-points."codeact.suites"]`:
`mine = "package.module:SUITE"`.
"""

from __future__ import annotations

import difflib
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

from codeact.errors import UsageError
from codeact.tasks.base import Suite

GROUP = "codeact.suites"

_BUILT_IN = {
    "m3tooleval": "codeact.tasks.m3tooleval.suite:SUITE",
    "m3gen": "codeact.tasks.m3gen.suite:SUITE",
    "apibank": "codeact.tasks.apibank.suite:SUITE",
    "mint": "codeact.tasks.mint.suite:SUITE",
    "scienceworld": "codeact.tasks.scienceworld.suite:SUITE",
    "miniwob": "codeact.tasks.miniwob.suite:SUITE",
    "gsm8k": "codeact.tasks.gsm8k.suite:SUITE",
    "humaneval": "codeact.tasks.humaneval.suite:SUITE",
    "search": "codeact.tasks.search.suite:SUITE",
    "math": "codeact.tasks.math.suite:SUITE",
    "programming": "codeact.tasks.programming.suite:SUITE",
    "tables": "codeact.tasks.tables.suite:SUITE",
    "household": "codeact.tasks.household.suite:SUITE",
    "errands": "codeact.tasks.errands.suite:SUITE",
    "analysis": "codeact.tasks.analysis.suite:SUITE",
}


def suite_names() -> list[str]:
    """Ours first, then other packages'; nothing is imported for it."""
    return [*_BUILT_IN, *sorted(_registered().keys() - _BUILT_IN.keys())]


def suite(name: str) -> Suite:
    """A suite by its name, or by `package.module:NAME` of where it is.

    Raises:
        UsageError: no such suite, or what is registered under the name is none.
    """
    registered = _registered()
    if name in _BUILT_IN:  # also where another package has registered the name: results must mean the same everywhere
        found = _load(_BUILT_IN[name])
    elif name in registered:
        found = _load(registered[name].value)
    elif ":" in name:
        found = _load(name)
    else:
        names = suite_names()
        close = difflib.get_close_matches(name, names, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else "."
        raise UsageError(f"there is no suite {name!r}{hint} There are: {', '.join(names)}")
    if not isinstance(found, Suite):
        raise UsageError(f"{name!r} is registered as a suite, but is {type(found).__name__}; register a `tasks.Suite`")
    return found


def _registered() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def _load(place: str) -> object:
    module, _, attribute = place.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageError(f"the suite at {place!r} cannot be loaded: {error}") from error
