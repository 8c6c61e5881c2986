"""A trajectory as a page to read."""

from __future__ import annotations

import base64
from collections.abc import Iterator

from codeact.trajectory.words import answered, ending, error_text, fenced, said, source, summary, title
from codeact.types import Display, ExecResult, Observation, Result, Step, Trajectory


def to_markdown(trajectory: Trajectory) -> str:
    """The task, each turn (thought, action, what the model saw), and the answer."""
    blocks = [f"# {title(trajectory)}", summary(trajectory)]
    if trajectory.task.strip() != title(trajectory):
        blocks.append("\n".join(f"> {line}".rstrip() for line in trajectory.task.strip().splitlines()))
    for step in trajectory.steps:
        if parts := [part for part in _step(step) if part]:  # a plain answer has none, and stands at the end
            blocks += [f"## Turn {step.number}", *parts]
    blocks += ["## Answer" if answered(trajectory) else "## End", ending(trajectory)]
    return "\n\n".join(blocks) + "\n"


def _step(step: Step) -> Iterator[str]:
    yield said(step)
    if code := source(step):
        yield fenced(code, "python")
    if step.observation is not None:
        yield f"**{'Not understood' if step.reply is None else 'Observation'}**"
        yield fenced(_shown(step.observation), "text")
    elif step.result is not None:
        yield from _result(step.result)
    if isinstance(step.result, ExecResult):
        yield from map(_image, step.result.displays)


def _shown(observation: Observation) -> str:
    """What the model saw: with native calls that is the text of each call."""
    return "\n".join(observation.per_call) if observation.per_call else observation.text


def _result(result: Result) -> Iterator[str]:
    """The result of the step that ended the run, which no model has seen."""
    if isinstance(result, ExecResult):
        output = "".join([result.stdout, result.stderr, error_text(result.error) if result.error else ""])
    else:
        output = "\n".join(record.error or record.text for record in result.records)
    if output.strip():
        yield fenced(output, "text")


def _image(display: Display) -> str:
    """A picture: by its file's name where it has one, else inside the page."""
    for mime, data in display.data.items():
        if mime.startswith("image/") and isinstance(data, bytes):
            place = display.name or f"data:{mime};base64,{base64.b64encode(data).decode('ascii')}"
            return f"![{display.name or 'picture'}]({place})"
    return ""
