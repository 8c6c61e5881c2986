"""`codeact models`: the weights of embedded models on this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import anyio
import typer
from rich.table import Table
from rich.text import Text

from codeact.cli import consoles, describe, exits, pulling
from codeact.cli.interrupts import interruptible
from codeact.cli.options import option
from codeact.models.environment import EMBEDDED
from codeact.models.store import SourceKind, Store, default_root

Name = Annotated[str, typer.Argument(metavar="NAME", help="Weights, by their name in `codeact models list`.")]

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def list_models() -> int:
    """What is here, and what can be had."""
    store = _store()
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("name", "here", "size", "licence", "description"):
        table.add_column(heading, no_wrap=heading != "description")
    here = {entry.name: entry for entry in store.list()}
    for name, model in store.adapted().items():
        base = "yes" if model.base.name in here else "no"
        table.add_row(name, base, describe.size(model.adapter.size), model.licence, model.description)
    for name in dict.fromkeys([*store.known, *here]):
        weights = store.known.get(name)
        size = here[name].size if name in here else weights.size if weights else 0
        licence, description = (weights.licence, weights.description) if weights else ("", "added by hand")
        table.add_row(name, "yes" if name in here else "no", describe.size(size), licence, description)
    consoles.output().print(table)
    return 0


@app.command()
def pull(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="Default: the model used when none is named.")] = (
        EMBEDDED.removeprefix(pulling.LOCAL)
    ),
    source: Annotated[
        SourceKind | None, option("--from", help="Ask only this source; default: one after the other.")
    ] = None,
) -> int:
    """Fetch weights, resume where an earlier try ended, and verify them."""

    async def work() -> None:
        sys.stdout.write(f"{await pulling.pull(_store(), name, consoles.notices(), source)}\n")

    return _run(work)


@app.command()
def path(name: Name) -> int:
    """Print the path of weights that are here."""
    sys.stdout.write(f"{_store().path(name)}\n")
    return 0


@app.command()
def rm(name: Name) -> int:
    """Delete weights, and what an unfinished pull left of them."""
    _store().remove(name)
    return 0


@app.command()
def add(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A GGUF file; it is copied.")],
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Default: the file's own, in lower case.")
    ] = None,
) -> int:
    """Put a model file of your own into the store; `--model local:NAME` uses it."""

    async def work() -> None:
        with pulling.Watched(consoles.notices()) as watched:
            sys.stdout.write(f"{await _store().add(file, name or file.stem.lower(), watched.report)}\n")

    return _run(work)


@app.command()
def verify(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Default: all that are here.")] = None,
) -> int:
    """Check every bit of the weights that are here."""
    store, console = _store(), consoles.output()

    async def work() -> None:
        for each in [name] if name else [entry.name for entry in store.list()]:
            with pulling.Watched(consoles.notices()) as watched:
                await store.verify(each, watched.report)
            console.print(Text.assemble(("✓ ", "green"), f"{each}: sha256 is right"))

    return _run(work)


def _store() -> Store:
    return Store(default_root(os.environ))


def _run(work: Callable[[], Awaitable[None]]) -> int:
    async def main() -> int:
        async with interruptible():
            await work()
            return exits.ANSWERED
        return exits.INTERRUPTED

    return anyio.run(main)
