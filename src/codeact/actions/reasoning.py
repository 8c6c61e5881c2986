"""What of a reply counts, in every action space: reasoning is set aside, made-up results are found."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from codeact.actions import segments
from codeact.actions.segments import BodyReader, Segment
from codeact.errors import ParseError
from codeact.types import Completion

INVENTED = (
    "everything from the made-up result on was dropped: results come from running the action, never write them yourself"
)

_RESULT_LINE = re.compile(
    r"""
    ^ [ \t]*+ [*\#>_`]{0,5} [ ]? (?: (?: observation | (?:(?:execution|code|tool)[ ])? (?:output|result) | out[
    ]?\[\d+\] | human | user ) [ ]?\d{0,3} [*_`]{0,3} [ ]? : |
    <(?:observation|output|execution_output|execute_result|execution_result|tool_response|tool_result|function_results)>
    )
    """,
    re.VERBOSE | re.MULTILINE | re.IGNORECASE,
)
_THOUGHT_PREFIX = re.compile(r"\A[*#]{0,3}Thoughts?:[*]{0,2}\s*+", re.IGNORECASE)
_ANSWER_PREFIX = re.compile(r"\A[*#]{0,3}\s?(?:Final )?Answer:[*]{0,2}\s*+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Visible:
    """The reply without its reasoning."""

    parts: tuple[Segment, ...]
    reasoning: str
    notes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        return "".join(part.raw for part in self.parts).strip()


def visible(
    completion: Completion, *, form: str, action_body: BodyReader | None = None, values: bool = False
) -> Visible:
    """Read a reply as segments.

    Raises:
        ParseError: the reply is empty, or it is nothing but reasoning. `form` is the right form, for the correction.
    """
    text = segments.clean(completion.text)
    found = _split(tuple(segments.scan(text, action_body=action_body, values=values)), completion.reasoning)
    last = found.parts[-1] if found.parts else None
    if last and last.kind == "reasoning" and completion.finish == "length":
        raise ParseError(
            f"Your reply was cut at the token limit while you were still thinking, so it holds no action. "
            f"Think less. {form}"
        )
    if last and last.kind == "reasoning":
        inside = _split(tuple(segments.scan(last.text, action_body=action_body, values=values)), found.reasoning)
        note = "the reasoning tag was never closed; what followed was read as the reply"
        found = Visible(found.parts[:-1] + inside.parts, inside.reasoning, (note,))
    if not found.text:
        raise ParseError(f"{_why_empty(completion, found)} {form}")
    return found


def made_up(text: str) -> re.Match[str] | None:
    """Where a model that has just written an action goes on to write its result itself."""
    return _RESULT_LINE.search(text)


def thought_of(prose: Sequence[str], reasoning: str) -> str:
    """What the model said besides its action; its reasoning only where it said nothing."""
    said = "\n\n".join(piece.strip() for piece in prose if piece.strip())
    return _THOUGHT_PREFIX.sub("", said) or reasoning.strip()


def answer_text(text: str) -> str:
    return _ANSWER_PREFIX.sub("", text.strip()).strip()


def _split(parts: tuple[Segment, ...], reasoning: str) -> Visible:
    """Set closed reasoning aside. All before a lone closing tag was reasoning: the prompt held the opening."""
    thoughts = [reasoning] if reasoning else []
    ends = [index for index, part in enumerate(parts) if part.kind == "reasoning_end"]
    if ends:
        thoughts.append("".join(part.raw for part in parts[: ends[-1]]))
        parts = parts[ends[-1] + 1 :]
    thoughts += [part.text for part in parts if part.kind == "reasoning" and part.closed]
    kept = tuple(part for part in parts if part.kind != "reasoning" or not part.closed)
    return Visible(kept, "\n\n".join(thought.strip() for thought in thoughts))


def _why_empty(completion: Completion, found: Visible) -> str:
    if completion.finish == "filtered":
        return "Your reply was withheld by the provider's content filter."
    if completion.finish == "length":
        return "Your reply was cut at the token limit before it said anything."
    if found.reasoning:
        return "Your reply held only reasoning: no action and no answer."
    return "Your reply was empty."
