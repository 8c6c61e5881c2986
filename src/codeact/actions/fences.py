"""Markdown fences, and where a piece of code ends that may itself hold what ends it.

In Python, a back-tick or a closing tag has no place outside of a string or a comment. So code ends at the first
delimiter that is outside of its strings, which is exact for every valid program and linear. Broken code can have a
string that never ends; then the first delimiter of all is taken, and the interpreter's own error tells the model.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from codeact.actions import python_source

# For use inside a verbose, multi-line pattern. A fence starts a line (also of a list item); one with Python's tag may
# follow other words, and small models put all of it on one line. Possessive, and only from the start of a run, so
# that a megabyte of back-ticks is one step.
OPENER = r"""
    ^ [ \t]*+ (?:(?:[-*+]|\d{1,3}[.)])[ \t]++)? (?P<line_fence> `{3,}+ | ~{3,}+ ) [ \t]*+ (?P<line_info> [^`\n]*+ ) $
  | (?<!`) (?P<inline_fence> `{3,}+ ) (?:python3?|py)[ ]++ (?P<inline_code> [^`\n]++ ) `{3,}+
  | (?<!`) (?P<mid_fence> `{3,}+ ) (?P<mid_info> (?:python|py|tool_code|ipython)\b [^`\n]*+ | python3[^`\n]*+ ) $
"""
_OPENER = re.compile(OPENER, re.VERBOSE | re.MULTILINE | re.IGNORECASE)

PYTHON = frozenset({"python", "py", "ipython", "tool_code", "pycon", "python-repl", "jupyter"})
SHELL = frozenset({"bash", "sh", "shell", "zsh", "console", "terminal", "cmd", "powershell", "shell-session"})
OUTPUT = frozenset(
    {"output", "outputs", "stdout", "result", "tool_output", "tool_outputs", "execution_output", "observation"}
)
DATA = frozenset({"json", "text", "txt", "plaintext", "plain", "csv", "yaml", "xml", "html", "sql", "markdown", "md"})
_KNOWN = PYTHON | SHELL | OUTPUT | DATA

_LANGUAGE = re.compile(r"[{\s.]*([A-Za-z_+#-]+)")
_INFO_IS_NO_CODE = re.compile(r"[{\[(:]|\S+=|\d|repl\b")
_MOST_NESTED = 200  # fence lines looked at for the end of a nested fence


@dataclass(frozen=True, slots=True)
class Body:
    text: str
    end: int  # position after the closing delimiter
    closed: bool = True


@dataclass(frozen=True, slots=True)
class Fence:
    language: str  # normalised: "python" for every spelling of it, "" for none
    body: Body | None  # None for a stray opener: an untagged fence line right before a fence of Python


def open_at(text: str, start: int) -> re.Match[str] | None:
    """The fence that opens at `start`, white space aside."""
    while start < len(text) and text[start] in " \t\n":
        start += 1
    line_start = text.rfind("\n", 0, start) + 1
    return _OPENER.match(text, line_start) if not text[line_start:start].strip() else _OPENER.match(text, start)


def read(text: str, opener: re.Match[str]) -> Fence:
    """The fence that `opener` (a match of `OPENER`, alone or inside a larger pattern) opens."""
    if opener["inline_fence"]:
        return Fence("python", Body(opener["inline_code"].strip(), opener.end()))
    group = "line_fence" if opener["line_fence"] else "mid_fence"
    fence, info = opener[group], opener["line_info" if group == "line_fence" else "mid_info"].strip()
    language = language_of(info)
    start = min(opener.end() + 1, len(text))
    if language != "python":
        return Fence(language, _prose_body(text, start, fence, language))
    closing, bare = _closing_patterns(fence[0], len(fence))
    body = code_body(text, start, closing, bare, comments_hide=True)
    indent = opener.start(group) - (text.rfind("\n", 0, opener.start(group)) + 1) if group == "line_fence" else 0
    return Fence("python", Body(_first_line(info) + _unindented(body.text, indent), body.end, body.closed))


def language_of(info: str) -> str:
    match = _LANGUAGE.match(info)
    word = match[1].lower() if match else ""
    return "python" if word in PYTHON else "" if word == "code" else word


def code_body(
    text: str, start: int, closing: re.Pattern[str], bare: re.Pattern[str], *, comments_hide: bool = False
) -> Body:
    """Code from `start` to its closing delimiter.

    `closing` may match looser forms than `bare`, and what its group `keep` matched is left for the next part (it
    opens that one).
    """
    best = python_source.first_outside_strings(closing, text, start, in_comments=not comments_hide)
    first = bare.search(text, start, best.start() if best else len(text))
    if best is None or (first and not python_source.compiles(text[start : best.start()])):
        best = first
    if best is None:
        return Body(text[start:], len(text), closed=False)
    kept = best.groupdict().get("keep") is not None
    at_line_start = best.start() > start and text[best.start() - 1] == "\n"
    return Body(text[start : best.start() - at_line_start], best.start() if kept else best.end(), closed=not kept)


def unused_fence(text: str) -> str:
    """A fence longer than any run of back-ticks in the text."""
    return "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))


def _first_line(info: str) -> str:
    """Code that follows the language on the opening line; options such as `title="x.py"` are none."""
    rest = info.partition(" ")[2].strip()
    return rest + "\n" if rest and not _INFO_IS_NO_CODE.match(rest) and python_source.does_something(rest) else ""


def _unindented(code: str, width: int) -> str:
    """Without the indentation of the fence itself, as Markdown has it for fences in lists."""
    return re.sub(rf"^[ \t]{{1,{width}}}", "", code, flags=re.MULTILINE) if width else code


@functools.lru_cache(maxsize=32)
def _closing_patterns(tick: str, length: int) -> tuple[re.Pattern[str], re.Pattern[str]]:
    known = "|".join(sorted(_KNOWN))
    run = rf"(?<!{tick}){tick}{{{length},}}+"
    closing = rf"^[ \t]*+{run}(?P<keep>[ \t]*+\{{?\.?(?:{known})\d*\b[^`\n]*+$)?|{run}(?=[ \t]*+$)"
    return (
        re.compile(closing, re.MULTILINE | re.IGNORECASE),
        re.compile(rf"^[ \t]*+{run}(?=[ \t]*+$)", re.MULTILINE),
    )


def _prose_body(text: str, start: int, fence: str, language: str) -> Body | None:
    depth = 1
    for number, (line, info) in enumerate(_fence_lines(text, start, fence)):
        inner = language_of(info)
        if not info:
            depth -= 1
        elif language == "" and inner == "python":
            return None
        elif language in ("markdown", "md"):
            depth += 1
        if depth == 0:
            return _body_before(text, start, line)
        if number > _MOST_NESTED:
            break
    first = next((line for line, info in _fence_lines(text, start, fence) if not info), None)
    return _body_before(text, start, first) if first else Body(text[start:], len(text), closed=False)


def _fence_lines(text: str, start: int, fence: str) -> Iterator[tuple[re.Match[str], str]]:
    pattern = rf"^[ \t]*+{fence[0]}{{{len(fence)},}}+(?P<info>[^\n]*+)$"
    for line in re.compile(pattern, re.MULTILINE).finditer(text, start):
        yield line, line["info"].strip()


def _body_before(text: str, start: int, line: re.Match[str]) -> Body:
    return Body(text[start : max(start, line.start() - 1)], line.end())
