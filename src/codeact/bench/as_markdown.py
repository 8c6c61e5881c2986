"""A report as Markdown, for places like GitHub. Text in it is data: nothing of it is read as Markdown or HTML."""

from __future__ import annotations

import re
from collections.abc import Iterable

from codeact.bench.blocks import Block, Heading, Noted, Picture, Prose, Table, legible

_SPECIAL = re.compile(r"[\\`*_\[\]<>#|~$&!]|:(?=//)|(?<=www)\.")
_OPENING = re.compile(r"\A(\d*)([-+=.)])")  # what makes a list or a heading of a line


def as_markdown(blocks: Iterable[Block]) -> str:
    """The whole page. What is folded is left out: the other forms have it."""
    return "\n\n".join(part for block in blocks if (part := _block(block))) + "\n"


def escaped(text: str) -> str:
    """Text that shows as it is, wherever it stands in a line."""
    return _OPENING.sub(r"\1\\\2", _SPECIAL.sub(r"\\\g<0>", legible(text).strip()))


def _block(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"{'#' * level} {escaped(text)}"
        case Prose(text):
            return escaped(text)
        case Picture(name, alt):
            return f"![{escaped(alt)}]({name}.svg)"
        case Table(folded=""):
            return _table(block)
        case Table(folded=title):
            return f"{escaped(title)}: in report.html and report.json."


def _table(table: Table) -> str:
    rule = [":--" if number < table.words else "--:" for number in range(len(table.columns))]
    lines = [_row(map(escaped, table.columns)), _row(rule), *(_row(map(_cell, row)) for row in table.rows)]
    return "\n".join(lines)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(cell: str | Noted) -> str:
    text = cell if isinstance(cell, str) else cell.text
    return _SPECIAL.sub(r"\\\g<0>", legible(text).strip()) or " "
