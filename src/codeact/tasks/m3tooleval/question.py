"""What the five domains are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from codeact.tools import FunctionTool, ToolSource, tool
from codeact.types import JSON

Edition = Literal["fixed", "paper"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One of the 82. `program` is its oracle's: over the domain's tools, with the answer in `result`."""

    name: str
    prompt: str
    value: JSON  # as the original computes it
    program: str
    original: str | None = None  # its name there, where that is another
    defective: str | None = None  # the question as the original puts it, where that misleads; for the paper's edition

    def prompt_of(self, edition: Edition) -> str:
        return self.defective if edition == "paper" and self.defective is not None else self.prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    name: str
    tools: Callable[[Edition], Sequence[ToolSource]]  # fresh ones at each call
    questions: Sequence[Question]
    tolerance: float = 0.0
    any_case: bool = False
    prelude: str = ""  # of all its programs
    documented: Callable[[str], str | None] = lambda name: None  # a signature that the original misstates


def named(function: Callable[..., Any], name: str, doc: str | None = None) -> FunctionTool[..., Any]:
    """A function as a tool of any name, also one that hides a builtin, as one of the original's does."""
    made = tool(function)
    return replace(made, spec=replace(made.spec, name=name, doc=doc or made.spec.doc))
