"""The original's format, in our own words: a thought, then code or a solution, in tags; the rules in the first message.

A reply in which `<solution>` stands anywhere is a proposal, its code not run. Several blocks of a kind are one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from codeact.errors import ParseError, UsageError
from codeact.types import (
    Action,
    Answer,
    BoxInfo,
    CodeAction,
    Completion,
    ExecResult,
    Observation,
    Reply,
    Result,
    ToolCalls,
    ToolSpec,
)

LONGEST = 2000  # characters of an observation
CUT = "... [Output Truncated]"
NOTHING_SHOWN = "[Executed Successfully with No Output]"
UNREADABLE = (
    "That message could not be read. Put a thought into <thought> … </thought>, and after it either code into "
    "<execute> … </execute> or a solution into <solution> … </solution>."
)

_EXECUTE = re.compile(r"<execute>(.*?)</execute>", re.DOTALL)
_SOLUTION = re.compile(r"<solution>(.*?)</solution>", re.DOTALL)
_THOUGHT = re.compile(r"<thought>(.*?)</thought>", re.DOTALL)
_PREFIX = "Observation:\n"


@dataclass(frozen=True, slots=True)
class TagSpace:
    """Code only: the original has no other format."""

    name: str = "code"
    dialect: str = "mint"
    stop: tuple[str, ...] = ("\nObservation:", "\nExpert feedback:", "\nTask:", "\n---")

    def instructions(self, tools: Sequence[ToolSpec], box: BoxInfo | None) -> str:
        return ""

    def functions(self, tools: Sequence[ToolSpec]) -> tuple[ToolSpec, ...]:
        return ()

    def parse(self, completion: Completion) -> Reply:
        text = completion.text
        thought = "\n".join(map(str.strip, _THOUGHT.findall(text)))
        proposal = "<solution>" in text
        blocks = (_SOLUTION if proposal else _EXECUTE).findall(text)
        if not blocks:
            raise ParseError(UNREADABLE)
        if proposal:
            return Reply(action=Answer("\n".join(map(str.strip, blocks))), thought=thought)
        return Reply(action=CodeAction("\n".join(blocks).strip("\n")), thought=thought)

    def render(self, action: Action, thought: str = "") -> Completion:
        """As written by hand; what holds the format's own tags has no form.

        Raises:
            UsageError: this action would not be read as it is.
        """
        match action:
            case CodeAction(code):
                written = f"<execute>\n{code}\n</execute>"
            case Answer(answer):
                written = f"<solution>\n{answer}\n</solution>"
            case ToolCalls():
                raise UsageError("mint's format has no calls but those in code")
        said = Completion(text=f"<thought> {thought} </thought>\n{written}" if thought else written)
        if self.parse(said).action != action:
            raise UsageError(f"mint's format has no way to write {action!r}")
        return said

    def observe(self, result: Result) -> Observation:
        if not isinstance(result, ExecResult):
            raise UsageError("mint's format shows code's results only")
        error = result.error.traceback + f"\n{result.error.name}: {result.error.message}" if result.error else ""
        shown = "\n".join(filter(None, [result.stdout.strip("\n"), result.value, error.strip("\n")])) or NOTHING_SHOWN
        return Observation(
            text=_PREFIX + (shown if len(shown) <= LONGEST else shown[:LONGEST] + CUT), is_error=bool(error)
        )


def paper_space(format: str) -> TagSpace:
    """The original's only format.

    Raises:
        UsageError: another one.
    """
    if format != "code":
        raise UsageError(f"mint's profile 'paper' has code actions only, not {format!r}; remedy: the profile 'fixed'")
    return TagSpace()


def opening(prompt: str, tools: Sequence[ToolSpec], example: str, turns: int, proposals: int) -> str:
    """The first message: the rules, the tools, a worked example, the task."""
    listed = "\n".join(
        f"[{number}] {spec.name}{spec.signature}\n{spec.doc}" for number, spec in enumerate(tools, start=1)
    )
    parts = [
        _RULES.format(turns=_times(turns), proposals=_times(proposals)),
        f"These functions are already imported where your code runs:\n{listed}" if tools else "",
        f"---\n\n{example}\n\n---",
        f"Task:\n{prompt}",
    ]
    return "\n\n".join(filter(None, parts))


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


_RULES = """\
You solve a task with the help of an interactive Python session, whose state stays from one message to the next.

In each message, think first, step by step, inside a tag: <thought> I have to print 6 * 7. </thought>
Then do one of two things:
1) Run Python, and get what it prints: <execute> print(6 * 7) </execute>
2) Propose a solution, in the form that the task asks for: The answer is <solution> 42 </solution>

You may run code or propose a solution {turns} in all, and propose a solution {proposals}."""

REASONING_EXAMPLE = """\
Task:
What is the sum of all primes below 50 that are one more than a multiple of 4? Solution output format: an integer.

Assistant:
<thought> I can list the primes below 50 and keep those with a remainder of 1. </thought>
<execute>
primes = [n for n in range(2, 50) if all(n % d for d in range(2, n))]
kept = [p for p in primes if p % 4 == 1]
print(kept, sum(kept))
</execute>

Observation:
[5, 13, 17, 29, 37, 41] 142

Assistant:
<thought> All of them are primes with a remainder of 1, so the sum is 142. </thought>
The answer is <solution> 142 </solution>"""

PROGRAM_EXAMPLE = """\
Task:
Write a function that gives the words of a text that occur more than once, in alphabetical order.
assert repeated("to be or not to be") == ["be", "to"]

Assistant:
<thought> I count the words and try the function on the example before I propose it. </thought>
<execute>
from collections import Counter

def repeated(text):
    return [word for word, count in Counter(text.split()).items() if count > 1]

print(repeated("to be or not to be"))
</execute>

Observation:
['to', 'be']

Assistant:
<thought> The order is that of the text; the words have to be sorted. </thought>
<solution>
from collections import Counter

def repeated(text):
    return sorted(word for word, count in Counter(text.split()).items() if count > 1)
</solution>"""
