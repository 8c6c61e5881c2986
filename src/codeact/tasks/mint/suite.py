"""The suite: the families' rows as tasks, in two profiles."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import cast

from codeact.errors import UsageError
from codeact.tasks.answers import Expected
from codeact.tasks.base import Environment, Judge, Profile, Rules, Suite, Task, Workbench
from codeact.tasks.mint import judges, paper_judge, paper_space
from codeact.tasks.mint.programs import Proof, proved
from codeact.tasks.mint.rows import FAMILIES, IN_DOMAIN, Family, Row, read_corpus, read_rows
from codeact.tasks.mint.wiki import Wiki
from codeact.tasks.oracle import Cells, Stated
from codeact.types import JSON, ToolSpec

World = Callable[[str], AbstractAsyncContextManager[Environment]]

PROGRAMS = ("humaneval", "mbpp")
BARE = "Answer with the value alone, without any words around it."
SOURCE = (
    "Your answer is the source of the whole program, as text. In code actions: "
    "`final_answer(source)`, with the program in a string."
)
TRY_AGAIN = "Your answer is wrong."
TOPIC = "Answer the question with a number, a list of numbers, a letter, or True or False. "


def tasks(
    make: Callable[[Family, Row, World, int], Task],
    /,
    *,
    data: JSON = None,
    turns: int = 5,
    families: str | Sequence[str] = FAMILIES,
    corpus: JSON = None,
) -> Sequence[Task]:
    """The tasks of the files in `data`; `turns` is MINT's k.

    `corpus` is a file of HotpotQA's paragraphs for the tool `wikipedia_search`; without one there is no such tool.

    Raises:
        UsageError: an option that cannot be, or a file that is missing or is none of the publisher's.
    """
    if not isinstance(cast("object", turns), int) or not 1 <= turns <= 5:
        raise UsageError(f"mint's turns={turns!r} must be 1 to 5; the paper's headline is 5")
    world = _reasoning_world(corpus)
    return [
        make(family, row, partial(_program_world, row) if family in PROGRAMS else world, turns)
        for family, row in _rows(data, families)
    ]


def _fixed(family: Family, row: Row, world: World, turns: int) -> Task:
    stated = Stated(_answer(family, row))
    return Task(
        id=f"{family}/{row.id}",
        domain=family,
        prompt=f"{_prompt(family, row)}\n\n{SOURCE if family in PROGRAMS else BARE}",
        open=world,
        judge=_typed(family, row),
        oracles={"code": Cells([f"final_answer({stated.text!r})"]), "json": stated, "text": stated},
        rules=Rules(turns=turns, attempts=_proposals(turns), try_again=TRY_AGAIN),
        labels=_labels(family),
    )


def _paper(family: Family, row: Row, world: World, turns: int) -> Task:
    return Task(
        id=f"{family}/{row.id}",
        domain=family,
        prompt=_prompt(family, row),
        open=world,
        judge=_original(family, row),
        oracles={"code": Stated(_answer(family, row))},
        rules=_paper_rules(family, turns),
        labels=_labels(family),
    )


def _paper_rules(family: Family, turns: int) -> Rules:
    proposals = _proposals(turns)
    example = paper_space.PROGRAM_EXAMPLE if family in PROGRAMS else paper_space.REASONING_EXAMPLE

    def first(actions: str, prompt: str, tools: Sequence[ToolSpec]) -> str:
        return paper_space.opening(prompt, tools, example, turns, proposals)

    return Rules(
        turns=turns,
        attempts=proposals,
        try_again=f"Observation:\n{TRY_AGAIN}",
        unreadable_turns=True,
        reply_tokens=512,
        action_time=30.0,
        space=paper_space.paper_space,
        opening=first,
    )


def _rows(data: JSON, families: str | Sequence[str]) -> list[tuple[Family, Row]]:
    wanted = [families] if isinstance(families, str) else list(families)
    if "alfworld" in wanted:
        raise UsageError("mint's family 'alfworld' is no part of this suite: it needs the game; remedy: leave it out")
    if unknown := [name for name in wanted if name not in FAMILIES]:
        raise UsageError(f"mint has no family {unknown[0]!r}; there are: {', '.join(FAMILIES)}")
    return [(family, row) for family in FAMILIES if family in wanted for row in read_rows(data, family)]


def _proposals(turns: int) -> int:
    return 1 if turns == 1 else 2


def _prompt(family: Family, row: Row) -> str:
    match family:
        case "humaneval":
            return f"Complete the following code:\n\n{row.prompt}"
        case "mbpp":
            return row.prompt.strip('"').strip()
        case "theoremqa":
            return TOPIC + row.prompt
        case _:
            return row.prompt


def _typed(family: Family, row: Row) -> Judge:
    match family:
        case "gsm8k":
            return Expected(int(_figure(row)))
        case "math":
            return judges.rounded(_figure(row))
        case "mmlu":
            return judges.Choice(*_choice(row, judges.options_of))
        case "hotpotqa":
            return judges.Phrase(str(row.reference))
        case "theoremqa":
            return judges.theorem(row.reference)
        case "humaneval" | "mbpp":
            return proved


def _original(family: Family, row: Row) -> Judge:
    match family:
        case "gsm8k" | "math" | "hotpotqa":
            return paper_judge.Contained(str(row.reference))
        case "mmlu":
            return paper_judge.Lettered(*_choice(row, paper_judge.options_of))
        case "theoremqa":
            return paper_judge.Theorem(row.reference)
        case "humaneval" | "mbpp":
            return proved


def _figure(row: Row) -> float:
    try:
        return float(row.reference)
    except (ValueError, TypeError) as error:
        raise UsageError(f"mint's row {row.id}: its reference {row.reference!r} should be a number") from error


def _choice(row: Row, options_of: Callable[[str], dict[str, str]]) -> tuple[str, dict[str, str]]:
    letter, options = str(row.reference), options_of(row.prompt)
    if letter not in options:
        raise UsageError(f"mint's row {row.id}: its reference {letter!r} is none of its options {', '.join(options)}")
    return letter, options


def _answer(family: Family, row: Row) -> str:
    match family:
        case "humaneval":
            return f"{row.prompt}\n{row.canonical_solution.rstrip()}"
        case "mbpp":
            return row.code.replace("\r\n", "\n").replace("\t", "    ").strip()
        case _:
            return str(row.reference)


def _labels(family: Family) -> Mapping[str, JSON]:
    return {"group": "ID" if family in IN_DOMAIN else "OD"}


def _reasoning_world(corpus: JSON) -> World:
    search = [Wiki(read_corpus(corpus)).tool()] if corpus is not None else []

    @asynccontextmanager
    async def open_world(actions: str) -> AsyncGenerator[Environment]:
        yield Workbench(search)  # it has no state

    return open_world


@asynccontextmanager
async def _program_world(row: Row, actions: str) -> AsyncGenerator[Environment]:
    yield Proof(tests=str(row.reference), setup=row.test_setup_code)


SUITE = Suite(
    name="mint",
    summary="multi-turn reasoning and programming: seven families of MINT, from its publisher's files",
    readme=Path(__file__).with_name("README.md"),
    profiles=(
        Profile(name="fixed", summary="our formats, typed judges", tasks=partial(tasks, _fixed)),
        Profile(name="paper", summary="the original's protocol and checkers", tasks=partial(tasks, _paper)),
    ),
)
