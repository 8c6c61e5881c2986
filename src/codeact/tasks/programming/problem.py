"""What the three sources have in common: how a program is asked for, and by which rules."""

from __future__ import annotations

from codeact.tasks.base import Rules
from codeact.tasks.formats import code_only

ANSWER = (
    "Your answer is the source of the whole program. Put it into a string, try it, and answer with "
    "`final_answer(program)`. It is then tested on inputs that you have not seen, for at most 10 seconds each."
)
READS = "Write a program that reads from standard input and writes to standard output."

RULES = Rules(
    turns=5,
    attempts=2,
    try_again="Your program fails a test that you have not seen. Look for the mistake and answer again.",
    space=code_only("programming"),
)
