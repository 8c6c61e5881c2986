"""The suite: the five domains as tasks, in two profiles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from codeact.tasks.answers import Expected
from codeact.tasks.base import Profile, Rules, Suite, Task, workbench
from codeact.tasks.m3tooleval.decoder import DECODER
from codeact.tasks.m3tooleval.dna import DNA
from codeact.tasks.m3tooleval.original import original_tasks
from codeact.tasks.m3tooleval.paper_judge import PaperJudge
from codeact.tasks.m3tooleval.paper_rules import PAPER_RULES, paper_oracles
from codeact.tasks.m3tooleval.question import Domain, Edition, Question
from codeact.tasks.m3tooleval.trade import TRADE
from codeact.tasks.m3tooleval.travel import TRAVEL
from codeact.tasks.m3tooleval.web import ORIGINAL_WEB, WEB
from codeact.tasks.oracle import count_calls, program_oracles
from codeact.tools import ToolSource

DOMAINS = (DECODER, DNA, TRADE, TRAVEL, WEB)  # in the original's order

BARE = "Work step by step with the tools. The final answer is one exact value, without any words around it."

# 20 and not the original's 10: where each call is a turn, as in json and text, the longest task takes 14 calls. A limit
# that only two of three formats can meet would measure itself.
FIXED_RULES = Rules(turns=20)


def tasks(edition: Edition, /) -> Sequence[Task]:
    """All 82, in the original's order."""
    return tuple(_task(domain, question, edition) for domain, question in _questions())


def _questions() -> Iterator[tuple[Domain, Question]]:
    for domain in DOMAINS:
        for question in domain.questions:
            yield domain, question


def _task(domain: Domain, question: Question, edition: Edition) -> Task:
    paper = edition == "paper"
    prompt = question.prompt_of(edition)
    judge = Expected(question.value, domain.tolerance, domain.any_case)
    return Task(
        id=f"{domain.name}/{question.name}",
        domain=domain.name,
        prompt=prompt if paper else f"{prompt} {BARE}",
        open=workbench(partial(_tools, domain, edition)),
        judge=PaperJudge(question.value) if paper else judge,
        oracles=paper_oracles(domain, question) if paper else program_oracles(domain.prelude + question.program),
        rules=PAPER_RULES if paper else FIXED_RULES,
        labels={"calls": _calls(domain, question)},
    )


def _calls(domain: Domain, question: Question) -> int:
    """The oracle's, for the curve of success by calls. In either edition it is the same program."""
    tools = {getattr(tool, "__name__", ""): tool for tool in domain.tools("fixed") if callable(tool)}
    return count_calls(domain.prelude + question.program, tools)


def _tools(domain: Domain, edition: Edition, actions: str) -> Sequence[ToolSource]:
    """The original's `max` and `min` are no tools in code, where the builtins of these names do the same and more."""
    tools = domain.tools(edition)
    unneeded = ("max", "min") if (edition, actions) == ("paper", "code") else ()
    return [tool for tool in tools if getattr(tool, "__name__", "") not in unneeded]


def paper_tasks() -> Mapping[str, Task]:
    """The paper's edition by the original's names; on the web its oracles read pages as the original lays them out."""
    known = dict[str, Task]()
    for domain, question in _questions():
        task = _task(domain, question, "paper")
        if domain is WEB:  # a page is not cut where ours is, so the number of calls is another one
            task = replace(task, oracles=paper_oracles(ORIGINAL_WEB, question), labels={})
        known[f"{domain.name}/{question.original or question.name}"] = task
    return known


SUITE = Suite(
    name="m3tooleval",
    summary="82 multi-tool tasks in five domains: decoder, DNA, trade, travel, web",
    readme=Path(__file__).with_name("README.md"),
    profiles=(
        Profile(name="fixed", summary="repaired tasks, data and checker", tasks=partial(tasks, "fixed")),
        Profile(name="paper", summary="the original's protocol and defects", tasks=partial(tasks, "paper")),
        Profile(
            name="original",
            summary="the original's own tasks, from a checkout",
            tasks=partial(original_tasks, paper_tasks),
        ),
    ),
)
