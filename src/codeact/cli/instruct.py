"""`codeact instruct`: from episodes to rows that a model is trained on; each of its commands has a module."""

from __future__ import annotations

import typer

from codeact.cli.instruct_collect import collect
from codeact.cli.instruct_export import export
from codeact.cli.instruct_select import select

app = typer.Typer(no_args_is_help=True)
app.command("collect")(collect)
app.command("select")(select)
app.command("export")(export)
