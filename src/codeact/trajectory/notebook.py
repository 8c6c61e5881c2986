"""A trajectory as a Jupyter notebook (format 4.5): thoughts as text, code actions as cells with their real outputs."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

from codeact.errors import SetupError
from codeact.trajectory.words import answered, ending, error_text, fenced, said, source, summary, title
from codeact.types import JSON, CodeAction, Display, ExecResult, Step, ToolResults, Trajectory

Cell = dict[str, JSON]


def to_notebook(trajectory: Trajectory, path: str | Path) -> None:
    """Write the notebook to a file.

    Raises:
        SetupError: the file cannot be written.
    """
    # A notebook is UTF-8, which has no place for lone surrogates: they become question marks.
    text = json.dumps(notebook(trajectory), ensure_ascii=False, indent=1).encode(errors="replace")
    try:
        Path(path).write_bytes(text + b"\n")
    except OSError as error:
        raise SetupError(f"cannot write the notebook {str(path)!r}: {error.strerror or error}") from error


def notebook(trajectory: Trajectory) -> dict[str, JSON]:
    """The notebook as a value, before it is written."""
    cells = [_markdown(f"# {title(trajectory)}\n\n{summary(trajectory)}\n\n{trajectory.task.strip()}")]
    if setup := trajectory.environment.get("setup"):  # what the cells below find in the session
        cells.append({"cell_type": "code", "execution_count": None, "metadata": {}, "source": setup, "outputs": []})
    for step in trajectory.steps:
        cells += _step(step)
    cells.append(_markdown(f"**{'Answer' if answered(trajectory) else 'End'}**\n\n{ending(trajectory)}"))
    python = str(trajectory.environment.get("python", ""))
    return {
        "cells": [{"id": f"cell-{number}", **cell} for number, cell in enumerate(cells, 1)],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python", **({"version": python} if python else {})},
            "codeact": {"trajectory": trajectory.id},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _step(step: Step) -> Iterator[Cell]:
    if text := said(step):
        yield _markdown(text)
    if step.reply is not None and isinstance(step.reply.action, CodeAction):
        result = step.result if isinstance(step.result, ExecResult) else ExecResult()
        yield _code(step.reply.action.code, result, step.number)
    elif code := source(step):
        yield _markdown("\n\n".join([fenced(code, "python"), *_tool_results(step)]))
    elif step.reply is None and step.observation is not None:
        yield _markdown(f"*Not understood:*\n\n{fenced(step.observation.text, 'text')}")


def _tool_results(step: Step) -> Iterator[str]:
    if isinstance(step.result, ToolResults):
        for record in step.result.records:
            yield fenced(record.error or record.text, "text")


def _code(code: str, result: ExecResult, number: int) -> Cell:
    outputs = list(_outputs(result, number))
    return {"cell_type": "code", "execution_count": number, "metadata": {}, "source": code, "outputs": outputs}


def _outputs(result: ExecResult, number: int) -> Iterator[dict[str, JSON]]:
    for name, text in (("stdout", result.late + result.stdout), ("stderr", result.stderr)):
        if text:
            yield {"output_type": "stream", "name": name, "text": text}
    for display in result.displays:
        yield {"output_type": "display_data", "data": _bundle(display), "metadata": {}}
    if result.value is not None:
        data = {"text/plain": result.value}
        yield {"output_type": "execute_result", "execution_count": number, "data": data, "metadata": {}}
    if (error := result.error) is not None:
        lines = error_text(error).splitlines()
        yield {"output_type": "error", "ename": error.name, "evalue": error.message, "traceback": lines}


def _bundle(display: Display) -> dict[str, JSON]:
    """The MIME bundle as notebooks keep it: binary types in base64, JSON types as JSON."""
    return {mime: _mime_value(mime, data) for mime, data in display.data.items()}


def _mime_value(mime: str, data: str | bytes) -> JSON:
    if isinstance(data, bytes):
        return base64.b64encode(data).decode("ascii")
    if mime == "application/json" or mime.endswith("+json"):
        try:
            return json.loads(data)
        except ValueError:
            return data
    return data


def _markdown(text: str) -> Cell:
    return {"cell_type": "markdown", "metadata": {}, "source": text}
