"""Tables from a seed, with questions about them; answers come from the facts behind a table, never from its text."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import cast

from codeact.errors import UsageError
from codeact.tasks.base import Task
from codeact.tasks.oracle import Cell, Cells
from codeact.tasks.tables.denotation import Denotation
from codeact.tasks.tables.domains import DOMAINS, facts
from codeact.tasks.tables.kinds import KINDS, Asked
from codeact.tasks.tables.question import RULES, asked, desk
from codeact.tasks.tables.table import FORMS, Form, Table

_TRIES = 1000  # draws until a kind of question fits its table; a handful is the rule


def tasks(
    *,
    seed: int = 0,
    count: int = 40,
    domains: str | Sequence[str] = tuple(DOMAINS),
    kinds: str | Sequence[str] = tuple(KINDS),
    forms: str | Sequence[str] = FORMS,
) -> Sequence[Task]:
    """`count` tasks: kind after kind, each time about another domain and in the other form. The same arguments give the
    same tasks.

    Raises:
        UsageError: no such domain, kind or form, or no count.
    """
    chosen = [[given] if isinstance(given, str) else list(given) for given in (domains, kinds, forms)]
    for what, given, known in zip(("domain", "kind", "form"), chosen, (DOMAINS, KINDS, FORMS), strict=True):
        if wrong := [name for name in given if name not in known]:
            raise UsageError(f"tables has no {what} {wrong[0]!r}; there are: {', '.join(known)}")
    if not isinstance(cast("object", count), int) or count < 1 or not all(chosen):
        raise UsageError(f"tables needs a count of 1 or more, a domain, a kind and a form, not count={count!r}")
    about, asking, ways = chosen
    return [
        make(
            about[(number + number // len(asking)) % len(about)],
            asking[number % len(asking)],
            cast("Form", ways[(number + number // len(asking)) % len(ways)]),
            seed,
            number,
        )
        for number in range(count)
    ]


def make(domain: str, kind: str, form: Form, seed: int, number: int) -> Task:
    """One task. Its id has all that it is made from."""
    id = f"{domain}/{kind.replace(' ', '-')}/{seed}.{number}-{form}"
    table, question = _drawn(random.Random(id), domain, kind)  # noqa: S311 -- not for secrets
    return Task(
        id=id,
        domain=domain,
        prompt=asked(question.question, table, form),
        open=desk(lambda: table, form),
        judge=Denotation([str(value) for value in question.answer]),
        oracles={"code": _expert(question, form)},
        rules=RULES,
        labels={
            "source": "codeact/tables",
            "licence": "own",
            "format": form,
            "group": kind,
            "rows": len(table.rows),
            "values": len(question.answer),
        },
    )


def _drawn(rng: random.Random, domain: str, kind: str) -> tuple[Table, Asked]:
    for _ in range(_TRIES):
        known = facts(rng, DOMAINS[domain])
        if (question := KINDS[kind](rng, known)) is not None:
            return known.table, question
    raise AssertionError(f"no question of the kind {kind!r} in {_TRIES} tables about {domain}")


def _expert(question: Asked, form: Form) -> Cells:
    """Looks at the data, queries it, answers."""
    return Cells(
        [
            Cell(_LOOK[form], "First I look at the columns and at how their values are written."),
            Cell(f"{question.queries[form]}\nprint(result)", question.thought),
            Cell("final_answer(result)", "That answers the question."),
        ]
    )


_LOOK: dict[Form, str] = {
    "sql": 'print([column[1] for column in conn.execute("PRAGMA table_info(data_table)")])\n'
    'for row in conn.execute("SELECT * FROM data_table LIMIT 8"):\n    print(row)',
    "pandas": "print(df.dtypes)\nprint(df.sample(8, random_state=0).to_string())",
}
