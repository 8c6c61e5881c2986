"""Tasks: what to solve. A suite by its name, ours or one that a package has registered as `codeact.suites`."""

from __future__ import annotations

from codeact.tasks.answers import CENTS, Expected, reached
from codeact.tasks.base import (
    Environment,
    Furnished,
    Judge,
    Profile,
    Proving,
    Rules,
    Suite,
    Task,
    Telling,
    Verdict,
    Workbench,
    prompt_of,
    verdict_of,
    workbench,
)
from codeact.tasks.oracle import Calls, Cell, Cells, Oracle, OracleModel, Thinking, program_oracles
from codeact.tasks.suites import suite, suite_names

__all__ = [
    "CENTS",
    "Calls",
    "Cell",
    "Cells",
    "Environment",
    "Expected",
    "Furnished",
    "Judge",
    "Oracle",
    "OracleModel",
    "Profile",
    "Proving",
    "Rules",
    "Suite",
    "Task",
    "Telling",
    "Thinking",
    "Verdict",
    "Workbench",
    "program_oracles",
    "prompt_of",
    "reached",
    "suite",
    "suite_names",
    "verdict_of",
    "workbench",
]
