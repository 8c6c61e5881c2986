"""What became of the rows of a file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Rows read, sequences made of them, and what did not fit."""

    rows: int
    sequences: int
    tokens: int
    trained: int  # of the tokens
    longest: int  # tokens of the longest row, before any cut
    cut: int  # rows that lost turns at their end
    turns_cut: int
    dropped: int  # rows of which nothing is left
