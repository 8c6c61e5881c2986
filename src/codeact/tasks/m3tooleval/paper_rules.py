"""How an episode of the original is played: its limits, its formats, its first message, and who is perfect at it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from codeact.tasks.base import Rules
from codeact.tasks.m3tooleval.paper_space import TRY_AGAIN, PaperSpace
from codeact.tasks.m3tooleval.question import Domain, Question
from codeact.tasks.m3tooleval.travel import misdocumented
from codeact.tasks.oracle import Calls, Cells, Oracle
from codeact.types import ToolSpec


def paper_space(format: str) -> PaperSpace:
    return PaperSpace(format, misdocumented)


def paper_opening(format: str, prompt: str, tools: Sequence[ToolSpec]) -> str:
    return paper_space(format).opening(prompt, tools)


PAPER_RULES = Rules(
    turns=10,
    attempts=None,
    try_again=TRY_AGAIN,
    unreadable_turns=True,
    remarks=False,
    reply_tokens=512,
    action_time=30.0,
    space=paper_space,
    opening=paper_opening,
)


def paper_oracles(domain: Domain, question: Question) -> Mapping[str, Oracle]:
    """There is no `final_answer` there: code prints, and the answer is a turn of its own. A tool has a builtin's name."""
    program = f"from builtins import max, min\n\n{domain.prelude}{question.program}".replace("sum_values(", "sum(")
    calls = Calls(program)
    return {"code": Cells([f"{program}\nprint(result)"]), "json": calls, "text": calls}
