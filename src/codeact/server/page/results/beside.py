"""One task of a results file as HTML: its formats beside each other, turn by turn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final

from codeact.rollouts.results import Rollout
from codeact.rollouts.taxonomy import step_failures
from codeact.server.page.draw import Block, Drawing, blocks
from codeact.server.page.markup import escaped
from codeact.server.page.results.drawn import end_of, formats_of
from codeact.server.page.results.index import Index, Played, Row
from codeact.server.page.results.told import MOST_STEPS, RUN, shown_of, written
from codeact.server.page.results.wanted import Found, Wanted
from codeact.types import Step, ToolCalls, Trajectory

MOST_FOLDED: Final = 40_000  # characters of a prompt, or of a reply as it was written
MOST_SAID: Final = 200  # characters of a judge's reason that are shown unasked


def episode(index: Index, row: Row, links: str) -> str:
    """A task with a seed, its formats side by side; the task itself stands above them, since all had the same."""
    order = [name for name in formats_of([index]) if name in row.played]
    rollouts = {name: index.read(row.played[name]) for name in order}
    task = next((found.trajectory.task for found in rollouts.values() if found and found.trajectory), "")
    columns = "".join(_column(row.played[name], rollouts[name], task) for name in order)
    head = index.head
    about = f"{head.suite} {head.profile} · {head.model} · seed {row.seed}" if head else ""
    asked = f'<h2 class="hidden">The task</h2><div class="bubble task">{escaped(task)}</div>' if task else ""
    return (
        f'<h1>{escaped(row.task)}</h1><p class="dim">{escaped(about)}</p>{links}{asked}'
        f'<div class="beside">{columns}</div>'
    )


def neighbours(at: Found, rows: Sequence[Found], jobs: Sequence[Index], wanted: Wanted) -> str:
    """To the list, to the rows before and after in it, and to the same task of other models."""
    here = next((number for number, found in enumerate(rows) if found == at), None)
    links = [("All episodes", wanted.address())]
    if here is not None:
        links += [("Before", _to(rows[here - 1], wanted))] if here else []
        links += [("Next", _to(rows[here + 1], wanted))] if here + 1 < len(rows) else []
    for index in jobs:
        head, mine = index.head, at.file.head
        if index is not at.file and head and mine and head.suite == mine.suite and at.row.id in index.rows:
            links.append((f"by {head.model} ({index.name})", _to(Found(index, at.row), wanted)))
    items = "".join(f'<a href="{escaped(address)}">{escaped(label)}</a>' for label, address in links)
    place = f'<span class="dim">{here + 1:,} of {len(rows):,}</span>' if here is not None else ""
    return f'<nav class="pages" aria-label="Other episodes">{items}{place}</nav>'


def _to(found: Found, wanted: Wanted) -> str:
    return wanted.address(f"/results/{found.file.id}/{found.row.id}")


def _column(played: Played, rollout: Rollout | None, task: str) -> str:
    actions = escaped(played.key.actions)
    if rollout is None:
        body = '<p class="empty">The file has changed, or this line cannot be read.</p>'
    else:
        body = _about(rollout) + (_talk(rollout, rollout.trajectory, task) if rollout.trajectory else "")
    head = f"<h2>{actions} <small>{end_of(played)}</small></h2>"
    return f'<section class="talk" aria-label="{actions}">{head}{body}</section>'


def _about(rollout: Rollout) -> str:
    """What the judge said, and what the model was given: one element in each column, as the rows are counted."""
    reason = str(rollout.verdict.reason if rollout.verdict else rollout.error)
    said = f'<p class="reason">{escaped(reason)}</p>'
    if len(reason) > MOST_SAID:
        said = _folded(f"{reason[: MOST_SAID - 1]}…", reason)
    messages = rollout.trajectory.prompt if rollout.trajectory else ()
    prompt = _folded("Prompt", "\n\n".join(f"[{message.role}]\n{message.text}" for message in messages))
    return f'<div class="about">{said}{prompt}</div>'


def _talk(rollout: Rollout, trajectory: Trajectory, task: str) -> str:
    failures = step_failures(trajectory, rollout.verdict) if rollout.verdict else []
    kinds = {str(step.number): kind for step, kind in zip(trajectory.steps, failures, strict=False) if kind}
    raw = {f"{RUN}/{step.number}/code": written(step.completion) for step in trajectory.steps if _calls(step)}
    drawn = blocks(shown_of(trajectory), Drawing(buttons=False))
    turns = "".join(
        f'<div class="turn">{_kind(kinds.get(part))}{"".join(_blocks(found, raw))}</div>'
        for part, found in groupby(drawn, key=_part)
        if part != "said" or trajectory.task != task
    )
    left = len(trajectory.steps) - MOST_STEPS
    return turns + (f'<p class="more">{left:,} more turns are not shown</p>' if left > 0 else "")


def _part(block: Block) -> str:
    """The turn's number; `said` and `end` for what is of none."""
    return block.key.removeprefix(f"{RUN}/").partition("/")[0]


def _kind(failure: str | None) -> str:
    return f'<p class="kind">{escaped(failure)}</p>' if failure else ""


def _blocks(found: Iterator[Block], raw: Mapping[str, str]) -> Iterator[str]:
    for block in found:
        yield f'<div class="{block.kind}">{block.html}</div>{_folded("As written", raw.get(block.key, ""))}'


def _calls(step: Step) -> bool:
    """Whether a step is drawn as Python that it was not written as."""
    return step.reply is not None and isinstance(step.reply.action, ToolCalls)


def _folded(summary: str, text: str) -> str:
    if not text:
        return ""
    if len(text) > MOST_FOLDED:
        text = f"{text[:MOST_FOLDED]}\n… {len(text) - MOST_FOLDED:,} characters more"
    whole = f'<pre class="out" tabindex="0">{escaped(text)}</pre>'
    return f'<details class="folded"><summary>{escaped(summary)}</summary>{whole}</details>'
