"""Problems from a seed, in families whose rules change with it; hidden outputs come from the family's own program."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal, cast

from codeact.errors import UsageError
from codeact.tasks.base import Task
from codeact.tasks.oracle import Oracle
from codeact.tasks.programming import lists, texts, worlds
from codeact.tasks.programming.draft import (
    GIVEN_OUT,
    LAID_OUT,
    Draft,
    Family,
    lines_of,
    program_of,
    stdin_of,
)
from codeact.tasks.programming.expert import by_process, expert
from codeact.tasks.programming.problem import ANSWER, READS, RULES
from codeact.tasks.programming.proof import Call, Run, Test, passed, trial
from codeact.types import JSON

FAMILIES: Mapping[str, Family] = {
    "strings": texts.strings,
    "intervals": lists.intervals,
    "robots": worlds.robots,
    "records": texts.records,
    "matrices": lists.matrices,
    "regions": worlds.regions,
    "dates": texts.dates,
    "coins": lists.coins,
    "roads": worlds.roads,
    "formats": texts.formats,
    "sequences": lists.sequences,
    "mazes": worlds.mazes,
    "ciphers": texts.ciphers,
    "greedy": lists.greedy,
    "expressions": texts.expressions,
    "chains": lists.chains,
    "runs": texts.runs,
    "queues": lists.queues,
    "brackets": texts.brackets,
}
Style = Literal["function", "stdin"]
STYLES: tuple[Style, ...] = ("function", "stdin")
SHOWN = 2  # examples


def tasks(
    *,
    seed: int = 0,
    count: int = 38,
    families: str | Sequence[str] = tuple(FAMILIES),
    styles: str | Sequence[str] = STYLES,
) -> Sequence[Task]:
    """`count` tasks: family after family, each time in the other style. The same arguments give the same tasks.

    Raises:
        UsageError: no such family or style, or no count.
    """
    names = [families] if isinstance(families, str) else list(families)
    forms = [styles] if isinstance(styles, str) else list(styles)
    for what, given, known in (("family", names, tuple(FAMILIES)), ("style", forms, STYLES)):
        if wrong := [name for name in given if name not in known]:
            raise UsageError(f"programming has no {what} {wrong[0]!r}; there are: {', '.join(known)}")
    if not isinstance(cast("object", count), int) or count < 1 or not names or not forms:
        raise UsageError(f"programming needs a count of 1 or more, a family and a style, not count={count!r}")
    return [
        make(
            names[number % len(names)], cast("Style", forms[(number + number // len(names)) % len(forms)]), seed, number
        )
        for number in range(count)
    ]


def make(family: str, style: Style, seed: int, number: int) -> Task:
    """One task. Its id has all that it is made from."""
    id = f"{family}/{seed}.{number}-{style}"
    draft = FAMILIES[family](random.Random(id))  # noqa: S311 -- not for secrets; a text seeds the same everywhere
    labels: dict[str, JSON] = {"source": "codeact/programming", "licence": "own", "format": style, "group": family}
    return Task(
        id=id,
        domain=family,
        prompt=f"{_asked(draft, style)}\n\n{ANSWER}",
        open=trial(partial(tests_of, draft, style)),
        judge=passed,
        oracles={"code": _expert(draft, style)},
        rules=RULES,
        labels=labels,
    )


def tests_of(draft: Draft, style: Style) -> Sequence[Test]:
    given = _results(draft)
    if style == "function":
        return [Call(_called(draft, values), [value], loose=True) for values, value in given]
    return [Run(stdin_of(draft, values), _output(draft, value)) for values, value in given]


def _results(draft: Draft) -> list[tuple[tuple[Any, ...], Any]]:
    """The inputs with what the family's program makes of them."""
    scope: dict[str, Any] = {}
    exec(draft.source, scope)  # noqa: S102 -- a family's own text, as trusted as its module
    return [(values, scope[draft.name](*values)) for values in draft.inputs]


def _called(draft: Draft, values: Sequence[Any]) -> str:
    return f"{draft.name}({', '.join(map(repr, values))})"


def _output(draft: Draft, value: Any) -> str:
    return "\n".join(lines_of(value, draft.returns))


def _asked(draft: Draft, style: Style) -> str:
    examples = _results(draft)[:SHOWN]
    if style == "function":
        shown = "\n".join(f"{_called(draft, values)} == {value!r}" for values, value in examples)
        return f"Write a function `{draft.signature}`.\n\n{draft.story}\n\nExamples:\n{shown}"
    layout = "; then ".join(LAID_OUT[each.kind].format(each.meaning) for each in draft.parameters)
    shown = "\n\n".join(
        f"Input:\n{stdin_of(draft, values)}Output:\n{_output(draft, value)}" for values, value in examples
    )
    return f"{READS}\n\n{draft.story}\n\nIt reads {layout}. It writes {GIVEN_OUT[draft.returns]}.\n\n{shown}"


def _expert(draft: Draft, style: Style) -> Oracle:
    (first, first_value), *others = _results(draft)[:SHOWN]
    if style == "stdin":
        tries = by_process([stdin_of(draft, values) for values in draft.inputs[:SHOWN]])
        return expert(program_of(draft), draft.idea, tries)
    checks = [f"print({_called(draft, values)} == {value!r})" for values, value in ((first, first_value), *others)]
    return expert(draft.source, draft.idea, [f"exec(program)\nprint({_called(draft, first)})", "\n".join(checks)])
