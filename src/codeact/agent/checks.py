"""Checks of an answer before it is accepted: the agent's own second look.

A check returns an objection, in words for the model, or None. The loop sends the objection back as an observation, at
most `Budget.objections` times; then the answer stands and the objection is kept in the outcome's message.

`grounded` is aimed at a failure the paper names in its limitations: a model reports a number it never printed.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from codeact.sandbox.base import Session
from codeact.types import Answer, CodeAction, Step

NUMBER = re.compile(r"(?<![\w.])[-−]?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a check may look at."""

    task: str
    steps: Sequence[Step]
    source: CodeAction | None  # the code that called `final_answer`; None for an answer in words
    session: Session | None


Check = Callable[[Answer, Evidence], Awaitable[str | None]]


async def grounded(answer: Answer, evidence: Evidence) -> str | None:
    """Every measured-looking number of the answer must have been observed, to the precision it is given in.

    Looks at numbers with a decimal point only: counts, years and list numbers are too often the model's own, rightly.
    An answer without any action before it comes from the model's knowledge and is not judged here.
    """
    if evidence.source is None and not any(step.result for step in evidence.steps):
        return None
    seen = [float(match) for text in _seen(evidence) for match in _numbers(text)]
    claimed = [text for text in _numbers(answer.text) if "." in text]
    if evidence.source is not None:  # a number that the code computed is not written in it
        written = set(_numbers(evidence.source.code))
        claimed = [text for text in claimed if text in written]
    missing = [text for text in claimed if not any(_rounds_to(value, text) for value in seen)]
    if not missing:
        return None
    return (
        f"Your answer was not accepted: it states {', '.join(missing)}, and no output you have seen shows that. "
        "Run code that computes and prints the value, then answer with what it printed."
    )


def expect_files(names: Iterable[str]) -> Check:
    """A check that these files are in the workspace, and not empty, when the answer is given."""
    expected = tuple(names)

    async def files_exist(answer: Answer, evidence: Evidence) -> str | None:
        if evidence.session is None:
            return None
        present = {info.path for info in await evidence.session.files() if info.size > 0}
        missing = [name for name in expected if name not in present]
        if not missing:
            return None
        return (
            f"Your answer was not accepted: the task is not done, because the file {', '.join(map(repr, missing))} "
            f"does not exist yet. Write code that creates {'it' if len(missing) == 1 else 'them'}, then answer."
        )

    return files_exist


def _seen(evidence: Evidence) -> Iterable[str]:
    yield evidence.task
    for step in evidence.steps:
        if step.observation is not None and step.result is not None:
            yield step.observation.text


def _numbers(text: str) -> list[str]:
    return [match.group().replace(",", "").replace("−", "-").rstrip(".") for match in NUMBER.finditer(text)]


def _rounds_to(value: float, claim: str) -> bool:
    """Whether `value`, or it as a percentage, is what `claim` says to the digits that `claim` gives."""
    digits = len(claim.partition(".")[2].partition("e")[0].partition("E")[0])
    half = 0.5 * 10.0**-digits * 1.02  # rounding up or to even are both fine
    return any(abs(abs(scaled) - abs(float(claim))) <= half for scaled in (value, value * 100))
