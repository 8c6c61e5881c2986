"""Whether an answer is mathematically the reference: by its text where that is enough, else in a process of its own."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from subprocess import CompletedProcess
from typing import cast

import anyio

from codeact.errors import MissingExtraError, SandboxError
from codeact.sandbox.base import Sandbox
from codeact.tasks.base import Environment, Verdict
from codeact.tasks.math.notation import latex_of
from codeact.tasks.math.reading import cleaned, same
from codeact.tools import ToolSource
from codeact.types import Answer

COMPUTE = 5  # seconds of processor time for a comparison
WAIT = 120.0  # seconds for all of it: importing sympy takes its time on a busy machine

_PROGRAM = Path(__file__).with_name("equality_child.py")
_NONE = "no answer"
_BRACKETS = re.compile(r"\s*(?:\\left\s*)?(?:\(|\[|\\\{)")


@dataclass(slots=True)
class Comparing:
    """The world of a problem. It has no tools; its signal is whether the last answer is the reference."""

    reference: str
    failure: str = _NONE  # of the last answer; empty if there was none
    tools: Sequence[ToolSource] = ()
    _compared: Answer | None = field(default=None, repr=False)  # an answer may be judged twice

    @property
    def succeeded(self) -> bool:
        return not self.failure

    async def prove(self, answer: Answer | None, sandbox: Sandbox) -> None:
        """See `Proving.prove`."""
        if answer is not None and answer == self._compared:
            return
        self.failure = _NONE if answer is None else await failure_of(self.reference, answer.text)
        self._compared = answer


def compared(answer: Answer | None, environment: Environment) -> Verdict:
    """A judge of problems, by what the comparison said."""
    failure = cast("Comparing", environment).failure
    return Verdict(not failure, failure)


async def failure_of(reference: str, answer: str, seconds: int = COMPUTE) -> str:
    """Why an answer is not the reference; empty if it is. `seconds` of processor time are spent on it, at most.

    Raises:
        SandboxError: the comparison broke, whatever the answer.
    """
    reference, text = cleaned(reference), cleaned(answer)
    told = same(reference, text)
    if told is None:
        forms = list(dict.fromkeys([text, *filter(None, [latex_of(text)])]))
        if not _BRACKETS.match(reference):  # then a list's brackets are only Python's
            forms += [form[1:-1] for form in forms if form[:1] + form[-1:] in ("[]", "()")]
        told = await _equal(reference, forms, seconds)
    return "" if told else f"expected {reference!r}, got {answer[:100]!r}"


def need_math_verify() -> None:
    """Say so before any episode is played.

    Raises:
        MissingExtraError: it is not installed.
    """
    if find_spec("math_verify") is None:
        raise MissingExtraError("math", "the suite 'math'")


async def _equal(reference: str, forms: Sequence[str], seconds: int) -> bool:
    """Ask the process. One that is killed at a limit has not found them equal."""
    question = json.dumps({"reference": reference, "forms": forms, "seconds": seconds}).encode()
    ended: CompletedProcess[bytes] | None = None
    with anyio.move_on_after(WAIT):  # leaving kills it
        ended = await anyio.run_process(
            [sys.executable, "-I", "-B", str(_PROGRAM)], input=question, check=False, env={}
        )
    if ended is None:
        raise SandboxError(f"comparing {forms[0]!r} with {reference!r} has not ended within {WAIT:g} seconds")
    if ended.returncode > 0:
        said = ended.stderr.decode(errors="replace").strip()[-300:]
        raise SandboxError(f"comparing {forms[0]!r} with {reference!r} failed: {said}")
    return ended.returncode == 0 and json.loads(ended.stdout)
