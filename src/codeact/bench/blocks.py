"""What a report is made of: blocks of plain text, which each form of it escapes by its own rules."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Heading:
    text: str
    level: int  # 1 for the title


@dataclass(frozen=True, slots=True)
class Prose:
    text: str


@dataclass(frozen=True, slots=True)
class Noted:
    """A cell with something to say on demand; left out where a form has no place for it."""

    text: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    columns: Sequence[str]
    rows: Sequence[Sequence[str | Noted]]
    words: int = 1  # columns of words at its left; the others are numbers
    folded: str = ""  # the line that opens a long one, which is left out where nothing can be folded


@dataclass(frozen=True, slots=True)
class Picture:
    name: str  # of its files, without the ending
    alt: str


Block = Heading | Prose | Table | Picture

_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]+")


def legible(text: str) -> str:
    """Text on one line, without control characters, those that reorder it and what UTF-8 cannot hold."""
    return _UNSEEN.sub(" ", text).encode("utf-8", "replace").decode("utf-8")


def cut(text: str, longest: int) -> str:
    """The beginning of a long text."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
