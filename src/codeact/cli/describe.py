"""Values as short text for people: calls, sizes, what a run used."""

from __future__ import annotations

import json
from pathlib import Path

from codeact.types import Display, ExecError, ExecResult, Outcome, ToolCall, ToolRecord

MAX_VALUE = 400  # characters of a tool's result; the record has the rest

_RESTARTED = {
    "kept": "",
    "restored": "the interpreter was restarted; its variables are those from before this action",
    "lost": "the interpreter was restarted; its variables are lost, the files are kept",
}


def size(count: int) -> str:
    """Bytes, in the unit that suits."""
    amount = float(count)
    for unit in ("B", "kB", "MB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" or amount >= 100 else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"


def seconds(amount: float) -> str:
    if amount >= 120:
        return f"{amount // 60:.0f} min {amount % 60:.0f} s"
    return f"{amount:.1f} s" if amount >= 1 else f"{amount * 1000:.0f} ms"


def short(text: str, limit: int = MAX_VALUE) -> str:
    """`text` on one line, cut when long."""
    line = " ".join(text.split())
    return line if len(line) <= limit else f"{line[:limit]}… ({len(text):,} characters)"


def call(call: ToolCall) -> str:
    arguments = [repr(value) for value in call.args]
    arguments += [f"{name}={value!r}" for name, value in call.kwargs.items()]
    return f"{call.name}({short(', '.join(arguments))})"


def returned(record: ToolRecord) -> str:
    result = short(record.error or record.text or json.dumps(record.value, ensure_ascii=False, default=repr))
    return f"{record.name}: {result} ({seconds(record.duration)})"


def display(display: Display) -> str:
    """A figure or another rich output: its name, type and size."""
    images = [mime for mime in display.data if mime.startswith("image/")]
    mime = images[0] if images else next(iter(display.data), "nothing")
    content = display.data.get(mime, "")
    return f"{display.name or 'display'} ({mime}, {size(len(content))})"


def error(error: ExecError) -> str:
    """The model's own frames, which end with the message; the message alone where there are none."""
    return error.traceback.rstrip() or f"{error.name}: {error.message}"


def restarted(result: ExecResult) -> str:
    """What became of the variables, where that is news."""
    return _RESTARTED[result.state]


def summary(outcome: Outcome, turns: int) -> str:
    """The line under a run: how it ended and what it used."""
    usage = outcome.usage
    cached = f" ({usage.cached_tokens:,} cached)" if usage.cached_tokens else ""
    parts = [
        outcome.status.replace("_", " "),
        f"{turns} turn{'' if turns == 1 else 's'}",
        f"{usage.input_tokens:,} tokens in{cached}, {usage.output_tokens:,} out",
        seconds(outcome.duration),
    ]
    if usage.cost is not None:
        parts.append(f"${usage.cost:.4f}")
    return " · ".join(parts)


def relative(path: Path) -> str:
    """A path as a person would type it from here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
