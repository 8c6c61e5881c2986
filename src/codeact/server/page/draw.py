"""What is shown of a chat, as blocks of HTML: a pure function, so that what a page says can be tested without one.

A block is one element of the page. Blocks that keep key and HTML are left alone when the chat goes on, so whoever reads
there keeps their selection, their scroll position and what they have unfolded. Buttons carry what they do as
`data-act`; one listener on the conversation hears them all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from codeact.server.page.icons import icon
from codeact.server.page.markup import code_html, display_html, escaped, markdown_html, shown_text
from codeact.server.page.shown import Asked, Call, Failure, Notice, Output, RunShown, Shown, Turn
from codeact.server.page.writing import draft

STATES = {
    "kept": "Variables and files are exactly as they were.",
    "saved": "Files are as they were, and the variables that could be saved.",
    "files": "Files are as they were; variables are gone.",
    "replayed": "The same code ran again, to bring variables back.",
    "lost": "Variables and files are gone; the conversation stays.",
}
ENDS = {
    "limit": "Stopped at a limit",
    "cancelled": "Stopped",
    "error": "Failed",
    "interrupted": "Interrupted: the server ended while this ran",
}
MOST_UNFINISHED = 2_000  # characters of code that are coloured while it is written, anew with each drawing
WAITING = {"reading": "Thinking", "writing": "Writing", "running": "Running"}


@dataclass(frozen=True, slots=True)
class Block:
    key: str
    kind: str  # its class in the style sheet
    html: str


@dataclass(slots=True, kw_only=True)
class Drawing:
    """How to draw: where a chat's bytes are served, and whether there is something to press. Remembers the turns it has
    drawn, so that one more word costs as much in a long chat as in a short one.
    """

    media: str = ""
    buttons: bool = True
    drawn: dict[str, tuple[Turn, tuple[Block, ...]]] = field(
        default_factory=dict[str, "tuple[Turn, tuple[Block, ...]]"]
    )


def blocks(shown: Shown, drawing: Drawing) -> Sequence[Block]:
    """The conversation on display, from its first message to its last word."""
    found = [block for run in shown.path for block in _run(shown, run, drawing)]
    if shown.notice is not None and (html := _notice(shown.notice)):
        found.append(Block("notice", "notice", html))
    return found


def _run(shown: Shown, run: RunShown, drawing: Drawing) -> Iterator[Block]:
    yield Block(f"{run.id}/said", "said", _said(shown, run, drawing))
    for turn in run.turns:
        yield from _remembered(f"{run.id}/{turn.number}", turn, drawing)
    if drawing.buttons:
        for asked in run.waiting:
            yield Block(f"{run.id}/{asked.id}", "asked", _asked(run, asked))
    yield Block(f"{run.id}/end", "end", _end(shown, run, drawing))


# --- the user's message ---------------------------------------------------------------------------


def _said(shown: Shown, run: RunShown, drawing: Drawing) -> str:
    files = "".join(f'<li class="file">{icon("file")}{escaped(name)}</li>' for name in run.files)
    attached = f'<ul class="files" aria-label="Files given">{files}</ul>' if files else ""
    below = _message_buttons(run) + _siblings(shown, run) if drawing.buttons else ""
    bar = f'<div class="bar">{below}</div>' if below else ""
    return f'<h2 class="hidden">You said</h2><div class="bubble">{escaped(run.text)}</div>{attached}{bar}'


def _message_buttons(run: RunShown) -> str:
    return (
        button("edit", "Edit this message", "edit", run.id)
        + button("retry", "Answer this message again", "retry", run.id)
        + button("undo", "Undo: back to before this message", "undo", run.id)
    )


def _siblings(shown: Shown, run: RunShown) -> str:
    """Where there are several messages at the same place: which of them this is, and the way to its neighbours."""
    siblings = [other.id for other in shown.siblings(run)]
    if len(siblings) < 2:
        return ""
    at = siblings.index(run.id)
    before = button("left", "Earlier branch", "tip", siblings[at - 1] if at else "")
    after = button("right", "Later branch", "tip", siblings[at + 1] if at + 1 < len(siblings) else "")
    return f'<span class="siblings">{before}<span>{at + 1} / {len(siblings)}</span>{after}</span>'


def button(picture: str, label: str, act: str, target: str) -> str:
    """A small button with a picture; dead where there is nothing to act on."""
    dead = "" if target else " disabled"
    return (
        f'<button type="button" class="small" data-act="{act}" data-on="{escaped(target)}" aria-label="{label}" '
        f'title="{label}"{dead}>{icon(picture)}</button>'
    )


# --- a turn ---------------------------------------------------------------------------------------


def _remembered(key: str, turn: Turn, drawing: Drawing) -> tuple[Block, ...]:
    """A turn to which nothing has happened is still the same object."""
    known = drawing.drawn.get(key)
    if known is None or known[0] is not turn:
        known = drawing.drawn[key] = (turn, tuple(_turn(key, turn, drawing)))
    return known[1]


def _turn(key: str, turn: Turn, drawing: Drawing) -> Iterator[Block]:
    written = draft(turn.text)
    reasoning = "\n".join(filter(None, [turn.reasoning, written.reasoning]))
    if reasoning:
        yield Block(f"{key}/reasoning", "reasoning", _folded("Reasoning", f"<p>{escaped(reasoning.strip())}</p>"))
    thought = written.thought if turn.thought is None else turn.thought
    if turn.answer is not None and turn.code is None:
        thought = turn.answer if not thought else f"{thought}\n\n{turn.answer}"
    if thought.strip():
        yield Block(f"{key}/thought", "thought prose", markdown_html(thought.strip()))
    code = written.code if turn.thought is None else turn.code
    if code is not None and (code.strip() or turn.phase == "writing"):
        yield Block(f"{key}/code", "code", _code(code, turn, drawing))
        if html := _output(turn.output, drawing):
            yield Block(f"{key}/output", "output", html)
    if turn.note:
        yield Block(f"{key}/note", "note", f"<p>{icon('info')}{escaped(turn.note)}</p>")
    if turn.code is not None and turn.answer:
        yield Block(f"{key}/answer", "thought prose", markdown_html(turn.answer))


def _folded(summary: str, html: str) -> str:
    return f"<details><summary>{summary}</summary>{html}</details>"


def _code(code: str, turn: Turn, drawing: Drawing) -> str:
    unfinished = turn.thought is None and len(code) > MOST_UNFINISHED
    coloured = escaped(code) if unfinished else code_html(code)
    head = f'<span class="number" aria-hidden="true">{turn.number}</span><span class="name">Python</span>'
    copy = button("copy", "Copy the code", "copy", str(turn.number)) if drawing.buttons else ""
    return (
        f'<div class="head">{head}<span class="time">{_time_of(turn)}</span>{copy}</div>'
        f'<pre class="code" tabindex="0" aria-label="Code of turn {turn.number}"><code>{coloured}</code></pre>'
    )


def _time_of(turn: Turn) -> str:
    if turn.phase == "running":
        return '<span class="busy">running</span>'
    return seconds(turn.output.duration) if turn.output.duration is not None else ""


def _output(output: Output, drawing: Drawing) -> str:
    parts = [_calls(output.calls), _chunks(output)]
    if output.value is not None and all(bundle.get("text/plain") != output.value for bundle in output.displays):
        parts.append(f'<pre class="out value" tabindex="0">{escaped(shown_text(output.value))}</pre>')
    parts += [display_html(bundle, drawing.media, at) for at, bundle in enumerate(output.displays, 1)]
    if output.failure is not None:
        parts.append(_failure(output.failure))
    if output.state != "kept":
        parts.append(f'<p class="state">{icon("info")}{escaped(STATES.get(output.state, output.state))}</p>')
    return "".join(parts)


def _chunks(output: Output) -> str:
    chunks = [(chunk.stream, shown_text(chunk.text)) for chunk in output.chunks]
    while chunks and not chunks[-1][1].strip("\n"):  # an empty line at the end is none to look at
        chunks.pop()
    said = "".join(f'<span class="{stream}">{escaped(text)}</span>' for stream, text in chunks if text)
    if not said:
        return ""
    whole = f"; {escaped(output.overflow)} has all of it" if output.overflow else ""
    above = f'<p class="more">{output.hidden:,} characters above are not shown{whole}</p>' if output.hidden else ""
    return f'{above}<pre class="out" tabindex="0" aria-label="Output">{said}</pre>'


def _calls(calls: Sequence[Call]) -> str:
    return f'<ul class="calls">{"".join(map(_call, calls))}</ul>' if calls else ""


def _call(call: Call) -> str:
    kind = "failed" if call.failed else "done" if call.outcome is not None else "open"
    outcome = f' <span class="gave">{escaped(_short(call.outcome))}</span>' if call.outcome else ""
    return f'<li class="{kind}"><code>{escaped(_short(call.text))}</code>{outcome}</li>'


def _short(text: str, most: int = 200) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _failure(failure: Failure) -> str:
    """One line that says what went wrong; the model's own frames on demand."""
    where = f' <span class="where">line {failure.line}</span>' if failure.line else ""
    line = f'<strong>{escaped(failure.name)}</strong><span class="message">{escaped(failure.message)}</span>{where}'
    if not failure.traceback:
        return f'<div class="failure" role="note"><p>{line}</p></div>'
    frames = f'<pre class="out" tabindex="0">{escaped(shown_text(failure.traceback))}</pre>'
    return f'<div class="failure" role="note"><details><summary>{line}</summary>{frames}</details></div>'


# --- what the run waits for, and how it ended -----------------------------------------------------


def _asked(run: RunShown, asked: Asked) -> str:
    if asked.kind == "approval":
        above = bool(run.turns) and run.turns[-1].code == asked.text  # where it is what was just written
        code = "" if above else f'<pre class="code" tabindex="0"><code>{code_html(asked.text)}</code></pre>'
        return (
            f'<p id="asks-{escaped(asked.id)}">{icon("hand")}Run this?</p>{code}'
            f'<div class="choice" role="group" aria-labelledby="asks-{escaped(asked.id)}">'
            f'<button type="button" class="primary" data-act="approve" data-on="{escaped(asked.id)}">Run it</button>'
            f'<button type="button" data-act="refuse" data-on="{escaped(asked.id)}">Don\'t run it</button></div>'
        )
    kind = "password" if asked.secret else "text"
    prompt = escaped(asked.text or "The code asks for a line")
    return (
        f'<form data-act="reply" data-on="{escaped(asked.id)}"><label>{icon("hand")}<span>{prompt}</span>'
        f'<input type="{kind}" name="text" autocomplete="off" maxlength="10000" data-focus></label>'
        f'<button type="submit" class="primary">Answer</button></form>'
    )


def _end(shown: Shown, run: RunShown, drawing: Drawing) -> str:
    if run.status == "running":
        turn = run.turns[-1] if run.turns else None
        doing = "Waiting for you" if run.waiting else WAITING.get(turn.phase if turn else "reading", "Thinking")
        return f'<p class="doing"><span class="dots" aria-hidden="true"></span>{doing}</p>'
    how = ENDS.get(run.status, "")
    why = f": {escaped(run.message)}" if how and run.message and run.status != "cancelled" else ""
    status = f'<span class="status {run.status}">{how}{why}</span>' if how else ""
    meter = f'<span class="meter">{meter_of(run)}</span>'
    here = drawing.buttons and run.id != shown.head
    branch = button("branch", "Go on from here: a new branch", "branch", run.id) if here else ""
    return f'<div class="bar">{status}{meter}{branch}</div>'


def meter_of(run: RunShown) -> str:
    """`3 turns · 1,234 tokens · 12.3 s · $0.0041`."""
    turns = len(run.turns)
    parts = [f"{turns} turn{'' if turns == 1 else 's'}"]
    if run.tokens:
        parts.append(f"{run.tokens:,} tokens")
    if run.duration:
        parts.append(seconds(run.duration))
    if run.cost is not None:
        parts.append(f"${run.cost:.4f}")
    return " · ".join(parts)


def seconds(duration: float) -> str:
    if duration < 1:
        return f"{duration * 1000:.0f} ms"
    return f"{duration:.1f} s" if duration < 60 else f"{int(duration) // 60} min {int(duration) % 60} s"


def _notice(notice: Notice) -> str:
    if notice.state == "kept" and not notice.skipped:
        return ""
    text = escaped(STATES.get(notice.state, notice.state))
    skipped = "".join(
        f"<li><code>{escaped(name)}</code> {escaped(reason)}</li>" for name, reason in notice.skipped.items()
    )
    names = f"<ul>{skipped}</ul>" if skipped else ""
    return f'<div role="note"><p>{icon("info")}{text}</p>{names}</div>'
