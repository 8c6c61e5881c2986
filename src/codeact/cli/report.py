"""`codeact report`: the report of results files, made again."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from codeact import bench
from codeact.cli import consoles, describe, exits
from codeact.cli.escape import harmless
from codeact.cli.jsonlines import write_line
from codeact.cli.options import option
from codeact.rollouts import Results, read_results


def report(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Results files of `codeact bench`.")],
    out: Annotated[
        Path | None, option("--out", "-o", metavar="FOLDER", help="For the report; default: beside the first file.")
    ] = None,
    json: Annotated[bool, option("--json", help="Print one JSON line: where the files are.")] = False,
) -> int:
    """Compare formats and models from their results: report.md, report.html, report.json and figures."""
    print_report([read_results(path) for path in files], out or files[0].parent, json=json)
    return exits.ANSWERED


def print_report(results: Sequence[Results], folder: Path, *, json: bool) -> None:
    """Write the report into a folder and say where it is.

    Raises:
        MissingExtraError: what draws the figures is not installed.
        UsageError: results that may not be compared; says in what they differ.
        SetupError: the folder cannot be written.
    """
    written = bench.write_report(results, folder)
    if json:
        figures = [str(path) for path in written.figures]
        places = {"markdown": str(written.markdown), "html": str(written.html), "json": str(written.json)}
        write_line(sys.stdout, {"kind": "report", **places, "figures": figures})
    else:
        consoles.output().print(Text(harmless(f"report  {describe.relative(written.markdown)}, .html, .json")))
