"""What a docstring says about each parameter, in the three common styles: Google, NumPy and Sphinx."""

from __future__ import annotations

import inspect
import re
from collections.abc import Collection, Iterator, Sequence

GOOGLE_SECTION = re.compile(r"(Args|Arguments|Parameters|Keyword Args|Keyword Arguments|Other Parameters):\s*$")
GOOGLE_ENTRY = re.compile(r"\s+\*{0,2}(\w+)(?:\s*\(.*?\))?\s*:(?:\s+(.*)|$)")
NUMPY_SECTION = re.compile(r"(Other )?Parameters\s*$")
NUMPY_ENTRY = re.compile(r"(\*{0,2}\w+(?:\s*,\s*\*{0,2}\w+)*)\s*(?::.*)?$")
SPHINX_ENTRY = re.compile(r":(?:param|parameter|arg|argument|key|keyword)\s+(?:[^:]*?\s)?\*{0,2}(\w+)\s*:\s*(.*)")


def parameter_descriptions(doc: str, names: Collection[str]) -> dict[str, str]:
    """The description of each of these parameters that the docstring describes, on one line."""
    lines = inspect.cleandoc(doc).splitlines()
    if len(lines) > 1 and GOOGLE_SECTION.match(lines[0]):  # then `cleandoc` has taken the section for the margin
        lines[1:] = [f"    {line}" for line in lines[1:]] if _indent(lines[1]) == 0 else lines[1:]
    found: dict[str, str] = {}
    for style in (_google, _numpy, _sphinx):
        for name, words in style(lines):
            text = " ".join(" ".join(words).split())
            if name in names and text:
                found.setdefault(name, text)
    return found


def _google(lines: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    for start, line in enumerate(lines):
        if not GOOGLE_SECTION.match(line):
            continue
        section = _deeper(lines[start + 1 :], 0)
        depth = min((_indent(line) for line in section if line.strip()), default=0)
        for index, line in enumerate(section):
            entry = GOOGLE_ENTRY.match(line)
            if entry and _indent(line) == depth:
                yield entry[1], [entry[2] or "", *_deeper(section[index + 1 :], depth)]


def _numpy(lines: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    for start, line in enumerate(lines[:-1]):
        if not (NUMPY_SECTION.match(line) and _is_rule(lines[start + 1])):
            continue
        section = lines[start + 2 :]
        for index, line in enumerate(section):
            if index + 1 < len(section) and _is_rule(section[index + 1]):
                break  # the title of the next section
            if entry := NUMPY_ENTRY.match(line):
                words = _deeper(section[index + 1 :], 0)
                yield from ((name.strip(" *"), words) for name in entry[1].split(","))


def _sphinx(lines: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    for index, line in enumerate(lines):
        if entry := SPHINX_ENTRY.match(line):
            yield entry[1], [entry[2], *_deeper(lines[index + 1 :], 0)]


def _deeper(lines: Sequence[str], depth: int) -> list[str]:
    """The lines up to the first one that is indented by no more than `depth`; blank lines do not count."""
    taken: list[str] = []
    for line in lines:
        if line.strip() and _indent(line) <= depth:
            break
        taken.append(line)
    return taken


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _is_rule(line: str) -> bool:
    return len(line.strip()) > 2 and not line.strip("- ")
