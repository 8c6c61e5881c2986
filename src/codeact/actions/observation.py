"""What a model sees of a result: the same bounds, the same words and the same honesty in every action space.

Output is untrusted text: terminal escapes, control characters and the special tokens of chat templates are made
harmless before a model or a terminal reads it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from codeact.actions import literals
from codeact.actions.pages import text_of
from codeact.trajectory.markers import defused
from codeact.types import (
    JSON,
    Display,
    ErrorKind,
    ExecError,
    ExecResult,
    Image,
    Observation,
    Result,
    ToolRecord,
    ToolResults,
)

DEFAULT_LIMIT = 4000  # characters; about a thousand tokens

_IMAGES = ("image/png", "image/jpeg")
_TEXTS = ("text/plain", "text/markdown", "application/json", "text/latex")
_NAMELESS = re.compile(r"<[\w.]+(?: object)?(?: at 0x[0-9a-f]+)?>")  # a class without a text of its own
_MOST_CALLS_LISTED = 10
_LONGEST_CALL = 120  # characters
_SMALLEST_SHARE = 500  # characters of each of many tool results

_TERMINAL_ESCAPE = re.compile(
    r"\x1b(?:\[[0-?]*+[ -/]*+[@-~]|\][^\x07\x1b]*+(?:\x07|\x1b\\)|[PX^_][^\x1b]*+\x1b\\|[ -/]*+[0-~])"
)
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\U000e0000-\U000e007f]")

_LATE_END = "[end of it]"

_ADVICE: dict[ErrorKind, str] = {
    "timeout": "The code was stopped at its time limit. Try a smaller part, or a faster way.",
    "interrupted": "The code was interrupted from outside before it ended.",
    "exited": "The code ended the interpreter. Do not call exit() or quit().",
    "crashed": "The code crashed the interpreter.",
    "out_of_memory": "The code used more memory than it may. Work on smaller pieces.",
    "limit": "The code met a limit of its session.",
}
_SYNTAX_ERRORS = ("SyntaxError", "IndentationError", "TabError")
_STATES = {
    "kept": "Variables and imports made before that point are kept.",
    "restored": "The interpreter was restored: variables are as they were before this action.",
    "lost": "The interpreter was restarted: variables and imports are gone, files are kept. Define them again.",
}


def observe(result: Result, *, limit: int = DEFAULT_LIMIT, native: bool = False) -> Observation:
    """`limit` bounds the output in characters; sentences around it come on top."""
    if isinstance(result, ToolResults):
        return _observe_tools(result.records, limit)
    text = _exec_text(result, limit)
    images = tuple(image for display in result.displays for image in _images_of(display))
    return Observation(
        text=text,
        images=images,
        per_call=(text,) if native else (),
        is_error=result.error is not None,
    )


def readable(text: str) -> str:
    """Text as a terminal would have left it, with no power over the one that shows or reads it next."""
    text = _TERMINAL_ESCAPE.sub("", text.replace("\r\n", "\n"))
    if "\r" in text:
        text = "\n".join(_last_overwrite(line) for line in text.split("\n"))
    return defused(_CONTROL.sub(lambda found: _escaped(found[0]), text))


def shorten(text: str, limit: int, pointer: str = "") -> str:
    """Head and tail, and between them how much was cut and where the whole is."""
    if len(text) <= limit:
        return text
    head, tail = limit - limit // 2, limit // 2
    where = f"; {pointer}" if pointer else ""
    cut = f"\n[… {len(text) - limit:,} characters cut{where}]\n"
    return text[:head].rstrip() + cut + text[len(text) - tail :].lstrip()


# --- code -----------------------------------------------------------------------------------------


def _exec_text(result: ExecResult, limit: int) -> str:
    pointer = f"the whole output is in {result.overflow}" if result.overflow else ""
    output = shorten("\n".join(_output(result)), limit, pointer)
    sections = [output] if output else []
    if result.dropped:
        sections.append(f"[{result.dropped:,} bytes more were dropped: the output went over the limit of the session]")
    if result.error:
        sections += _error_sections(result.error, limit)
        sections += _effects(result.tool_calls)
    if result.state != "kept" or (result.error and result.error.kind != "exception"):
        sections.append(_STATES[result.state])
    if not sections and result.answer is not None:
        return "(The answer was given.)"
    return "\n".join(sections) or "(The code ran without output. To see a value, print it: was print forgotten?)"


def _output(result: ExecResult) -> list[str]:
    late = readable(result.late).strip("\n").replace(_LATE_END, f"\\{_LATE_END}")
    parts = [f"[output of earlier background work]\n{late}\n{_LATE_END}"] if late else []
    parts += [text for text in (readable(result.stdout).rstrip(), readable(result.stderr).rstrip()) if text]
    if result.value is not None:
        value = readable(result.value)
        parts.append(f"Out:\n{value}" if "\n" in value else f"Out: {value}")
    return parts + [_display_line(shown) for shown in result.displays if not _is_value(shown, result.value)]


def _is_value(display: Display, value: str | None) -> bool:
    """Whether a display is the rich form of the last value, a table say, which stands there as text already."""
    told = value is not None and not _NAMELESS.fullmatch(value)
    return told and display.name is None and display.data.get("text/plain") == value


def _display_line(display: Display) -> str:
    image = next((mime for mime in _IMAGES if mime in display.data), None)
    where = f"saved as {readable(display.name)}" if display.name else "shown"
    if image:
        return f"[figure {where}]" if display.name else f"[{image} shown]"
    if text := _text_in(display):
        return readable(text)
    forms = [mime for mime in display.data if mime != "text/plain"] or ["nothing"]
    return f"[{readable(', '.join(forms))} {where}]"


def _text_in(display: Display) -> str:
    """What of it can be read, if anything: `<IPython.core.display.HTML object>` is no text where there is another."""
    found = [(mime, text) for mime in _TEXTS if isinstance(text := display.data.get(mime), str)]
    told = [text for mime, text in found if mime != "text/plain" or not _NAMELESS.fullmatch(text)]
    html = display.data.get("text/html")
    page = text_of(html) if isinstance(html, str) and not told else ""
    return next(iter(told), page) or (found[0][1] if len(display.data) == len(found) and found else "")


def _images_of(display: Display) -> list[Image]:
    found = [(mime, display.data[mime]) for mime in _IMAGES if mime in display.data]
    return [Image(data, mime) for mime, data in found[:1] if isinstance(data, bytes)]


def _error_sections(error: ExecError, limit: int) -> list[str]:
    summary = readable(f"{error.name}: {error.message}" if error.message else error.name)
    traceback = readable(error.traceback).strip("\n")
    sections = [
        shorten(traceback if summary in traceback else f"{traceback}\n{summary}".lstrip("\n"), max(limit // 2, 1000))
    ]
    return [*sections, _ADVICE.get(error.kind) or _where(error)]


def _where(error: ExecError) -> str:
    """Where an exception stopped the code and what to do now: untold, small models take an error for the end."""
    if error.name in _SYNTAX_ERRORS and "in <module>" not in error.traceback:  # else code of the code's: eval, say
        line = f"Line {error.line}" if error.line else "The code"
        return f"{line} is not valid Python, so nothing was run. Correct it and run the whole code."
    line = f"at line {error.line}" if error.line else "there"
    return f"The code stopped {line}; what ran before is done and kept. Fix the cause and run the corrected code."


def _effects(calls: Sequence[ToolRecord]) -> list[str]:
    """Code that failed half-way must not be repeated whole: these calls have been made, whatever came after."""
    done = [_call_text(record) for record in calls if record.error is None]
    if not done:
        return []
    more = f", and {len(done) - _MOST_CALLS_LISTED} more" if len(done) > _MOST_CALLS_LISTED else ""
    listed = ", ".join(done[:_MOST_CALLS_LISTED])
    return [f"These tool calls were already made: {listed}{more}. Do not repeat those that change something."]


def _call_text(record: ToolRecord) -> str:
    args: Sequence[JSON] = record.args or ()
    kwargs: dict[str, JSON] = dict(record.kwargs or {})
    shown = [literals.json_text(arg) for arg in args] + [
        f"{key}={literals.json_text(arg)}" for key, arg in kwargs.items()
    ]
    text = readable(f"{record.name}({', '.join(shown)})")
    return text if len(text) <= _LONGEST_CALL else text[: _LONGEST_CALL - 2] + "…)"


def _escaped(character: str) -> str:
    """As a Python string would write it."""
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _last_overwrite(line: str) -> str:
    """What a progress bar left on its line: the text after the last carriage return that was followed by any."""
    return next((part for part in reversed(line.split("\r")) if part), "")


# --- JSON and text actions ------------------------------------------------------------------------


def _observe_tools(records: Sequence[ToolRecord], limit: int) -> Observation:
    share = max(limit // max(len(records), 1), min(_SMALLEST_SHARE, limit))
    texts = tuple(_record_text(record, share) for record in records)
    if len(texts) == 1:
        text = texts[0]
    else:
        text = "\n".join(
            f"[{number}] {_call_text(record)}:\n{body}"
            for number, (record, body) in enumerate(zip(records, texts, strict=True), 1)
        )
    return Observation(
        text=text,
        per_call=texts,
        is_error=any(record.error is not None for record in records),
    )


def _record_text(record: ToolRecord, limit: int) -> str:
    if record.error is not None:
        return "Error: " + shorten(readable(record.error), limit)
    return shorten(readable(record.text), limit) or "(the tool returned an empty text)"
