"""Who knows the program, written as an agent would work: write it and try an example, check the others, hand it in."""

from __future__ import annotations

from collections.abc import Sequence

from codeact.tasks.oracle import Cell, Cells


def expert(program: str, idea: str, trials: Sequence[str]) -> Cells:
    """`trials` are the code of each try of `program`, a variable with the text; without any it is handed in as it is."""
    written = f"program = {quoted(program)}"
    if not trials:
        return Cells([Cell(f"{written}\nfinal_answer(program)", idea)])
    first, *others = trials
    cells = [Cell(f"{written}\n{first}", idea)]
    if others:
        cells.append(Cell("\n".join(others), "That looks right. I check the other cases too before I answer."))
    return Cells(
        [*cells, Cell("final_answer(program)", "The results are as they should be, so I hand the program in.")]
    )


def quoted(text: str) -> str:
    """A text as a Python string that reads well: its lines as they are, where that is possible."""
    text = text.strip("\n")
    if "'''" in text or "\r" in text or text.endswith(("'", "\\")):
        return repr(text)
    return f"{'r' if chr(92) in text else ''}'''\n{text}\n'''"


def by_process(inputs: Sequence[str]) -> list[str]:
    """Code that runs `program` on each input and prints what it writes."""
    first, *others = [f"print(output({stdin!r}))" for stdin in inputs]
    return [f"{_OUTPUT}\n\n{first}", *(["\n".join(others)] if others else [])]


_OUTPUT = """
import subprocess, sys

def output(stdin):
    ran = subprocess.run([sys.executable, "-c", program], input=stdin, capture_output=True, text=True)
    return ran.stdout + ran.stderr
""".strip()
