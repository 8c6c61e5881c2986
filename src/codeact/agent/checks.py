"""Checks of an answer before it is accepted: the agent's own second look.

A check returns an objection, in words for the model, or None. The loop sends the objection back as an observation, at
most `Budget.objections` times; then the answer stands and the objection is kept in the outcome's message.

`grounded` is aimed at a failure the paper names in its limitations: a model reports a number it never printed.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from codeact.sandbox.base import Session
from codeact.types import Answer, CodeAction, ExecResult, Message, NativeResult, Result, Step, ToolResults

# A number as people and programs write it: thousands in groups of three, no version or date (1.2.3, 31.12.2024).
NUMBER = re.compile(r"(?<![\w.])[-−]?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?(?!\.?\d)")
CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.DOTALL)
NAMED = re.compile(
    r"(?:python|version|section|chapter|table|figure|v)\.?\s*\Z", re.IGNORECASE
)  # before a number that is a name
SCALES = (1, 100, 0.01, 1e-3, 1e-6, 1e-9)  # as it is, as a percentage and back, in thousands, millions, billions
MEASURED = 3  # significant digits from which a number is taken for a measured one: 0.05 and 2.5 are often conventions


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a check may look at."""

    task: str
    steps: Sequence[Step]
    source: CodeAction | None  # the code that called `final_answer`; None for an answer in words
    session: Session | None
    history: Sequence[Message] = ()  # what had been said before this run
    shown: str = ""  # what the action that gave the answer has printed


Check = Callable[[Answer, Evidence], Awaitable[str | None]]


async def grounded(answer: Answer, evidence: Evidence) -> str | None:
    """Every measured-looking decimal number of the answer must have been seen, to the precision it is given in.

    Seen is what users, tools and code have shown in the whole conversation, and what earlier code has written down.
    Counts, years, short decimals and versions are too often the model's own, rightly, and are not looked at. An answer
    without any action before it comes from the model's knowledge and is not judged here.
    """
    if evidence.source is None and not any(step.result for step in evidence.steps):
        return None
    seen = [float(number) for text in _seen(evidence) for number in _numbers(text)]
    claims = _claims(answer.text)
    if evidence.source is not None:  # a number that the code computed is not written in it
        written = set(_numbers(evidence.source.code))
        claims = [claim for claim in claims if claim in written]
    missing = [claim for claim in claims if not any(_rounds_to(value, claim) for value in seen)]
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
        missing = [name for name in expected if posixpath.normpath(name) not in present]
        if not missing:
            return None
        return (
            f"Your answer was not accepted: the task is not done, because the file {', '.join(map(repr, missing))} "
            f"does not exist yet. Write code that creates {'it' if len(missing) == 1 else 'them'}, then answer."
        )

    return files_exist


def _seen(evidence: Evidence) -> Iterable[str]:
    yield evidence.task
    yield evidence.shown
    for message in evidence.history:
        if message.role != "assistant":
            yield message.text
            yield from (part.text for part in message.parts if isinstance(part, NativeResult))
    for step in evidence.steps:  # the results, not the observations: an objection repeats the number it objects to
        yield from _shown_by(step.result)
        if step.reply is not None and isinstance(step.reply.action, CodeAction):
            yield step.reply.action.code


def _shown_by(result: Result | None) -> Iterable[str]:
    match result:
        case ExecResult(stdout=stdout, stderr=stderr, value=value, late=late, displays=displays):
            yield from (stdout, stderr, value or "", late)
            yield from (text for shown in displays if isinstance(text := shown.data.get("text/plain"), str))
        case ToolResults(records):
            yield from (record.text for record in records)
        case None:
            pass


def _claims(text: str) -> list[str]:
    """The numbers of an answer that look measured."""
    text = CODE.sub(" ", text)
    found = [match for match in NUMBER.finditer(text) if not NAMED.search(text[: match.start()])]
    return [claim for claim in map(_plain, found) if "." in claim and _significant(claim) >= MEASURED]


def _numbers(text: str) -> list[str]:
    return [_plain(match) for match in NUMBER.finditer(text)]


def _plain(match: re.Match[str]) -> str:
    return match.group().replace(",", "").replace("−", "-")


def _significant(number: str) -> int:
    return len(number.lower().partition("e")[0].replace(".", "").lstrip("-0"))


def _rounds_to(value: float, claim: str) -> bool:
    """Whether `value`, or it on another scale, is what `claim` says to the digits that `claim` gives."""
    mantissa, _, exponent = claim.lower().partition("e")
    digits = len(mantissa.partition(".")[2])
    half = 0.5 * 10.0 ** (int(exponent or 0) - digits) * 1.02  # rounding up or to even are both fine
    return any(abs(abs(value * scale) - abs(float(claim))) <= half for scale in SCALES)
