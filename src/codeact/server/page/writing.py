"""A reply while it is still being written: what is prose already, and what is going to be the action."""

from __future__ import annotations

import re
from dataclasses import dataclass

from codeact.actions import segments

_CODE = frozenset({"fence", "tag", "action", "call", "value"})
_HALF_OPENER = re.compile(r"(?:^|\n)[ \t]*(?:`{1,}\w*|<[/\w]*)\Z|\n\Z")  # marks that are not whole yet
_LANGUAGES = frozenset({"python", ""})


@dataclass(frozen=True, slots=True)
class Draft:
    thought: str
    code: str | None = None
    reasoning: str = ""


def draft(text: str) -> Draft:
    """The parts of an unfinished reply, by the same marks by which the finished one is read.

    What is shown of it is a guess until the reply is complete; then the action space decides.
    """
    prose: list[str] = []
    reasoning: list[str] = []
    for segment in segments.scan(segments.clean(text)):
        if segment.kind in ("reasoning", "reasoning_end"):
            reasoning.append(segment.text)
        elif segment.kind in _CODE and segment.label in _LANGUAGES | {"execute", "python"}:
            return Draft("".join(prose).strip(), segment.text, "\n".join(reasoning))
        else:
            prose.append(segment.raw)
    return Draft(_HALF_OPENER.sub("", "".join(prose)).lstrip(), None, "\n".join(reasoning))
