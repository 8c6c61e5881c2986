"""What runs in a process of its own: it compares a reference with the forms of an answer, by math-verify.

A program and not a module of the package: algebra on a stranger's expression may take all time and memory there is
(`9^{9^9}`), and math-verify's own time limits are signals, which work in the main thread of a process only. So its
limits are the process's, set here, and who started it kills it. LaTeX alone is read: math-verify's other notation goes
through Python's `eval`.
"""

from __future__ import annotations

import json
import logging
import resource
import sys
from typing import Any, cast

import math_verify  # pyright: ignore[reportMissingTypeStubs] -- it has none

MEMORY = 2**30  # bytes


def main() -> None:
    given = json.load(sys.stdin)
    _limit(given["seconds"])
    logging.disable(logging.CRITICAL)  # it warns that its own time limits are off
    sys.stdout.write(json.dumps(any(equal(given["reference"], form) for form in given["forms"])))


def equal(reference: str, form: str) -> bool:
    """Whether both are the same number, expression, interval, set, …"""
    expected, found = _parsed(reference), _parsed(form)
    return bool(expected and found) and math_verify.verify(
        expected, found, allow_set_relation_comp=True, timeout_seconds=None
    )


def _parsed(latex: str) -> list[Any]:
    wanted = [math_verify.LatexExtractionConfig()]
    without_limit: Any = None  # as its documentation has it, and its types do not
    return cast("list[Any]", math_verify.parse(f"${latex}$", wanted, parsing_timeout=without_limit))


def _limit(seconds: int) -> None:
    """`seconds` of processor time, beside what importing has taken."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    until = int(used.ru_utime + used.ru_stime) + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (until, until + 1))
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main()
