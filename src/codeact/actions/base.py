"""The action space seam: how an action is written by a model, and how its result is shown to it.

Pure functions over values: no I/O, no clock, no randomness.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from codeact.types import Action, BoxInfo, Completion, Observation, Reply, Result, ToolSpec


class ActionSpace(Protocol):
    @property
    def name(self) -> str:
        """`code`, `json` or `text`."""
        ...

    @property
    def dialect(self) -> str:
        """The surface syntax, by name: `fenced`, `execute`, `native`, …"""
        ...

    @property
    def stop(self) -> tuple[str, ...]:
        """Strings at which the model should stop, so that it does not write its own observation."""
        ...

    def instructions(self, tools: Sequence[ToolSpec], box: BoxInfo | None) -> str:
        """The part of the system prompt that teaches this format and lists the tools; `box` is None if no code runs."""
        ...

    def functions(self, tools: Sequence[ToolSpec]) -> tuple[ToolSpec, ...]:
        """What to offer in the provider's own function-calling format; empty for formats written as text."""
        ...

    def parse(self, completion: Completion) -> Reply:
        """Read one completion.

        Raises:
            ParseError: nothing that could be an action or an answer; worded as the correction for the model.
        """
        ...

    def render(self, action: Action, thought: str = "") -> Completion:
        """The reply of a model that writes this format perfectly: `parse(render(a)).action == a`."""
        ...

    def observe(self, result: Result) -> Observation:
        """What the model sees of a result. Bounded: long output keeps its head and its tail."""
        ...
