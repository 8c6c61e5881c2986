"""A report as one HTML file: no script, nothing from elsewhere, light or dark as its reader likes.

Text in it is data: every piece is escaped, in elements and in attributes alike. Pictures are images and no markup of
the page, and its own policy forbids scripts and requests, should anything ever slip through.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from html import escape

from codeact.bench.blocks import Block, Heading, Noted, Picture, Prose, Table, legible
from codeact.bench.figures import Drawing

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_STYLE = """
:root { color-scheme: light dark; --ink: #1f2328; --paper: #ffffff; --faint: #59636e; --line: #d1d9e0; --band: #f6f8fa }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --paper: #0d1117; --faint: #9198a1; --line: #3d444d; --band: #151b23 }
}
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2rem auto;
  max-width: 72rem; padding: 0 1rem }
h2 { margin-top: 3rem; border-bottom: 1px solid var(--line) }
.scroll { overflow-x: auto }
table { border-collapse: collapse; font-size: .875rem; margin: 1rem 0 }
th, td { padding: .3rem .7rem; text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }
th { border-bottom: 2px solid var(--line); vertical-align: bottom }
td { border-bottom: 1px solid var(--line) }
tr:nth-child(even) td { background: var(--band) }
.word { text-align: left; white-space: normal; overflow-wrap: anywhere; min-width: 4rem }
[title] { text-decoration: underline dotted var(--faint); cursor: help }
img { max-width: 100%; height: auto }
summary { cursor: pointer; color: var(--faint) }
"""


def as_html(blocks: Iterable[Block], drawings: Mapping[str, Drawing]) -> str:
    """The whole page. `drawings` has the pictures by their names."""
    listed = list(blocks)
    title = next((block.text for block in listed if isinstance(block, Heading)), "Report")
    body = "\n".join(line for block in listed for line in _block(block, drawings))
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f'<meta name="viewport" content="width=device-width">\n<title>{_text(title)}</title>\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _block(block: Block, drawings: Mapping[str, Drawing]) -> Iterator[str]:
    match block:
        case Heading(text, level):
            yield f"<h{level}>{_text(text)}</h{level}>"
        case Prose(text):
            yield f"<p>{_text(text)}</p>"
        case Picture(name, alt):
            yield from _picture(drawings[name], alt)
        case Table(folded=""):
            yield from _table(block)
        case Table(folded=title):
            yield f"<details><summary>{_text(title)}</summary>"
            yield from _table(block)
            yield "</details>"


def _table(table: Table) -> Iterator[str]:
    def place(number: int) -> str:
        return ' class="word"' if number < table.words else ""

    yield '<div class="scroll"><table>'
    heads = "".join(f"<th{place(number)}>{_text(name)}</th>" for number, name in enumerate(table.columns))
    yield f"<thead><tr>{heads}</tr></thead><tbody>"
    for row in table.rows:
        yield f"<tr>{''.join(f'<td{place(number)}>{_cell(cell)}</td>' for number, cell in enumerate(row))}</tr>"
    yield "</tbody></table></div>"


def _cell(cell: str | Noted) -> str:
    if isinstance(cell, Noted) and cell.note:
        return f'<span title="{_text(cell.note)}">{_text(cell.text)}</span>'
    return _text(cell if isinstance(cell, str) else cell.text)


def _picture(drawing: Drawing, alt: str) -> Iterator[str]:
    yield "<picture>"
    yield f'<source media="(prefers-color-scheme: dark)" srcset="{_data(drawing.dark)}">'
    yield f'<img alt="{_text(alt)}" src="{_data(drawing.svg)}">'
    yield "</picture>"


def _data(svg: str) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


def _text(text: str) -> str:
    return escape(legible(text))
