"""Programs that are answers, tried on hidden tests in a session of their own.

What a test expects stays in the host wherever it can: the box is given the input, and what comes out is compared here.
So a program may look through its own interpreter, or show values as something else than they are, and learns nothing.
A `Claim` is the exception: an assertion that can't be taken apart runs whole, beside the program that it is about.
"""

from __future__ import annotations

import ast
import json
import secrets
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

from codeact.sandbox.base import Sandbox, Session
from codeact.tasks.base import Environment, Verdict
from codeact.tasks.mint.programs import NONE, program_in
from codeact.tasks.programming import compare
from codeact.tools import ToolSource
from codeact.types import JSON, Answer, ExecResult

TIME_LIMIT = 10.0  # seconds, for the program and for each test, as in the paper
_GRACE = 5.0  # seconds more for the session around a program that has a limit of its own


@dataclass(frozen=True, slots=True)
class Call:
    """An expression over the program's names, and what it has to give: one of these values."""

    expression: str
    expected: Sequence[JSON]
    loose: bool = False  # whether a tuple may stand for a list, and floats may be off by a little


@dataclass(frozen=True, slots=True)
class Claim:
    """An assertion that runs in the box as it is."""

    statement: str


@dataclass(frozen=True, slots=True)
class Run:
    """The whole program, in a process of its own: what it reads, and what it has to write."""

    stdin: str
    stdout: str


Test = Call | Claim | Run


@dataclass(slots=True)
class Trial:
    """The world of a programming task. It has no tools; its signal is whether the last answer passed all tests."""

    tests: Sequence[Test]
    setup: str = ""  # code that runs between a program and its tests
    failure: str = NONE  # of the last answer; empty if there was none
    tools: Sequence[ToolSource] = ()
    _tried: Answer | None = field(default=None, repr=False)  # an accepted answer is judged twice

    @property
    def succeeded(self) -> bool:
        return not self.failure

    async def prove(self, answer: Answer | None, sandbox: Sandbox) -> None:
        """See `Proving.prove`."""
        if answer is not None and answer == self._tried:
            return
        self.failure, self._tried = NONE, answer
        if answer is not None and (program := program_in(answer.text)).strip():
            async with sandbox.open() as session:
                self.failure = await failure_of(session, program, self.tests, self.setup)


def passed(answer: Answer | None, environment: Environment) -> Verdict:
    """A judge of programs, by what their tests said."""
    failure = cast("Trial", environment).failure
    return Verdict(not failure, failure)


def trial(
    tests: Callable[[], Sequence[Test]], setup: str = ""
) -> Callable[[str], AbstractAsyncContextManager[Environment]]:
    """What opens the world of a task with these tests; they are made when they are needed."""

    @asynccontextmanager
    async def open_trial(actions: str) -> AsyncGenerator[Environment]:
        yield Trial(tests(), setup)

    return open_trial


async def failure_of(session: Session, program: str, tests: Sequence[Test], setup: str = "") -> str:
    """Why a program does not pass its tests; empty if it does.

    Raises:
        SandboxError: the machinery failed.
    """
    if any(not isinstance(test, Run) for test in tests):
        for code in (_TELL, program, setup):
            if (error := (await session.run(code, time_limit=TIME_LIMIT)).error) is not None:
                return f"the program does not run: {error.name}: {error.message}"
    for number, test in enumerate(tests, start=1):
        if failure := await _failure(session, program, test):
            return f"test {number} of {len(tests)}: {failure}"
    return ""


async def _failure(session: Session, program: str, test: Test) -> str:
    match test:
        case Call(expression, expected, loose):
            return await _wrong_value(session, expression, expected, loose=loose)
        case Claim(statement):
            return await _untrue(session, statement)
        case Run(stdin, stdout):
            return await _wrong_output(session, program, stdin, stdout)


async def _wrong_value(session: Session, expression: str, expected: Sequence[JSON], *, loose: bool) -> str:
    word = secrets.token_hex(8)  # so that what the program prints is not taken for its value
    told = await session.run(f"__tell(lambda: (\n{expression}\n), {word!r})", time_limit=TIME_LIMIT)
    if told.error is not None:
        return f"{told.error.name}: {told.error.message}"
    try:
        given = compare.read_value(_after(word, told))
    except ValueError:
        return f"{expression} gave no plain value but {_after(word, told)[:200]}"
    if any(compare.alike(wanted, given, loose=loose) for wanted in expected):
        return ""
    return f"{expression} gave {_after(word, told)[:200]}, expected {expected[0]!r}"


async def _untrue(session: Session, statement: str) -> str:
    word = secrets.token_hex(8)  # only a run to the very end shows it: a program that leaves early has not passed
    ran = await session.run(f"{statement}\n{word!r}", time_limit=TIME_LIMIT)
    if ran.error is not None:
        return f"{ran.error.name}: {ran.error.message}".rstrip(": ")
    return "" if ran.value == repr(word) else "the test did not run to its end"


async def _wrong_output(session: Session, program: str, stdin: str, expected: str) -> str:
    word = secrets.token_hex(8)
    code = _RUN.format(word=word, program=program, stdin=stdin, limit=TIME_LIMIT)
    ran = await session.run(code, time_limit=TIME_LIMIT + _GRACE)
    if ran.error is not None:
        return f"{ran.error.name}: {ran.error.message}"
    try:
        status, stdout, stderr = json.loads(_after(word, ran))
    except ValueError:
        return f"it wrote too much, {ran.dropped:,} bytes over what is kept"
    if status != 0:
        return f"it ended with status {status}: {stderr.strip() or 'it said nothing'}"
    if compare.same_output(expected, stdout):
        return ""
    return f"it wrote {stdout[:200]!r}, expected {expected[:200]!r}"


def _after(word: str, ran: ExecResult) -> str:
    return ran.stdout.rpartition(word)[2].rstrip("\n")


def shown_value(expression: ast.expr) -> JSON:
    """The value of a literal.

    Raises:
        ValueError: it is more than a literal.
    """
    return compare.read_value(ast.unparse(expression))


# A scope of its own: the program's `list` or `print` is not what is meant here. Values of other kinds that are equal to
# plain ones (NumPy's numbers, a Counter, a named tuple) are told as those; any other by its `repr`, which reads as none.
_TELL = '''
def __scope():
    scope = {}
    exec("""
import numbers
import sys
from decimal import Decimal

def plain(value):
    if value is None or isinstance(value, bool):
        return value
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        return plain(value.tolist())
    for kind in (int, str, bytes, float):
        if isinstance(value, kind):
            return kind(value)
    if isinstance(value, (numbers.Real, Decimal)):
        return float(value)
    if isinstance(value, dict):
        return {plain(key): plain(item) for key, item in value.items()}
    for kind in (list, tuple, set):
        if isinstance(value, kind):
            return kind(map(plain, value))
    if isinstance(value, frozenset):
        return set(map(plain, value))
    return value

def tell(make, word):
    value = plain(make())
    sys.stdout.write(word + repr(value))
""", scope)
    return scope["tell"]

__tell = __scope()
'''

_RUN = """\
def __run():
    import json, subprocess, sys
    command = [sys.executable, "-c", {program!r}]
    try:
        ran = subprocess.run(
            command, input={stdin!r}, capture_output=True, text=True, errors="replace", timeout={limit}
        )
    except subprocess.TimeoutExpired:
        raise TimeoutError("the program ran for more than {limit:g} s") from None
    sys.stdout.write({word!r} + json.dumps([ran.returncode, ran.stdout, ran.stderr[-300:]]))

__run()
"""
