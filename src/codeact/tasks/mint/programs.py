"""Answers that are programs: their tests run in a box of their own, not in the host and not in the agent's session."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

from codeact.sandbox.base import Sandbox, Session
from codeact.tasks.base import Environment, Verdict
from codeact.tools import ToolSource
from codeact.types import Answer

NONE = "no program was proposed"
TIME_LIMIT = 10.0  # seconds, for the program and for its tests, as in the original

_FENCE = re.compile(r"\A```\w*\n(.*?)\n?```\Z", re.DOTALL)


@dataclass(slots=True)
class Proof:
    """The world of a programming task. It has no tools; its signal is whether the tests of the last answer passed."""

    tests: str
    setup: str = ""
    failure: str = NONE  # of the last answer; empty if there was none
    tools: Sequence[ToolSource] = ()
    _proved: Answer | None = field(default=None, repr=False)  # an accepted answer is judged twice

    @property
    def succeeded(self) -> bool:
        return not self.failure

    async def prove(self, answer: Answer | None, sandbox: Sandbox) -> None:
        """See `Proving.prove`."""
        if answer is not None and answer == self._proved:
            return
        self.failure, self._proved = NONE, answer
        if answer is not None:
            async with sandbox.open() as session:
                self.failure = await failure_of(session, f"{self.setup}\n{program_in(answer.text)}", self.tests)


def proved(answer: Answer | None, environment: Environment) -> Verdict:
    """A judge of programs, by what their tests said."""
    failure = cast("Proof", environment).failure
    return Verdict(not failure, failure)


async def failure_of(session: Session, program: str, tests: str) -> str:
    """Why a program does not pass its tests; empty if it does.

    The sign is a word that only a run to the very end shows: a program that leaves early has not passed. It does not
    stop a program that looks through its own interpreter for the tests; nothing in one process does.

    Raises:
        SandboxError: the machinery failed.
    """
    defined = await session.run(program, time_limit=TIME_LIMIT)
    if defined.error is not None:
        return f"the program does not run: {defined.error.name}: {defined.error.message}"
    word = secrets.token_hex(8)
    tested = await session.run(f"{tests}\n{word!r}", time_limit=TIME_LIMIT)
    if tested.error is not None:
        return f"a test failed: {tested.error.name}: {tested.error.message}".rstrip(": ")
    return "" if tested.value == repr(word) else "the tests did not run to their end"


def program_in(answer: str) -> str:
    """The program without a fence around it."""
    fenced = _FENCE.match(answer.strip())
    return fenced[1] if fenced else answer.strip("\n")
