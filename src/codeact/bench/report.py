"""Writing a report: the same numbers as Markdown, HTML and JSON, with their figures."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from codeact.bench import figures
from codeact.bench.analysis import Numbers, analyse
from codeact.bench.as_html import as_html
from codeact.bench.as_json import as_json
from codeact.bench.as_markdown import as_markdown
from codeact.bench.blocks import Picture
from codeact.bench.figures import Drawing
from codeact.bench.page import page
from codeact.bench.sections import sections_of
from codeact.errors import SetupError
from codeact.rollouts import Results

_PLAIN = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The files of a report."""

    markdown: Path
    html: Path
    json: Path
    figures: Sequence[Path]  # each as SVG and as PNG


def write_report(results: Sequence[Results], folder: str | Path) -> Written:
    """Write report.md, report.html, report.json and their figures into a folder, over those of an earlier report.

    Raises:
        UsageError: results that may not be compared; says in what they differ.
        SetupError: the folder cannot be written.
    """
    analysed = [analyse(section) for section in sections_of(results)]
    drawn = [_drawings(number, found) for number, found in enumerate(analysed, 1)]
    shown = [[picture for picture, _ in pictures] for pictures in drawn]
    blocks = list(page(list(zip(analysed, shown, strict=True))))
    drawings = {picture.name: drawing for pictures in drawn for picture, drawing in pictures}
    files = {
        "report.md": as_markdown(blocks).encode(),
        "report.html": as_html(blocks, drawings).encode(),
        "report.json": (json.dumps(as_json(analysed), indent=1) + "\n").encode(),
        **{file: data for name, drawing in drawings.items() for file, data in _files(name, drawing)},
    }
    markdown, html, data, *pictures = _write(files, Path(folder))
    return Written(markdown=markdown, html=html, json=data, figures=pictures)


def _drawings(number: int, found: Numbers) -> list[tuple[Picture, Drawing]]:
    """The figures of a section, the overview first and the failures last; none where there is nothing to compare."""
    section, analyses = found.section, found.shown
    if not analyses:
        return []
    name = _PLAIN.sub("-", f"{number} {section.suite} {section.profile}".lower()).strip("-")[:80]
    title = f"{section.suite}, profile {section.profile}"
    labelled = [analysis for analysis in analyses if analysis.calls]
    drawn = [("overview", "success and mean turns by model and format", figures.overview(analyses))]
    if labelled:
        drawn.append(("calls", "success and mean turns by the number of calls needed", figures.by_calls(labelled)))
    drawn.append(("failures", "what failed episodes ended by", figures.failures(analyses)))
    return [(Picture(f"{name}-{kind}", f"{title}: {alt}"), drawing) for kind, alt, drawing in drawn]


def _files(name: str, drawing: Drawing) -> Iterator[tuple[str, bytes]]:
    yield f"{name}.svg", drawing.svg.encode()
    yield f"{name}.png", drawing.png


def _write(files: dict[str, bytes], folder: Path) -> list[Path]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            (folder / name).write_bytes(data)
    except OSError as error:
        raise SetupError(f"cannot write the report into {str(folder)!r}: {error.strerror or error}") from error
    return [folder / name for name in files]
