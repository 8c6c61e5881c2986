"""Text from a model or a box, made harmless for the terminal of the person who reads it.

Covers what a terminal acts on: escape sequences, other control characters, and the characters that reorder text, which
could show other code than the code that runs. Does not cover look-alike letters.
"""

from __future__ import annotations

import re

COLOUR = re.compile(
    r"\x1b\[[0-9;:]*m"
)  # dropped without a trace: common in honest output, and of no meaning to readers
REORDERING = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"

_PICTURES = {code: 0x2400 + code for code in range(0x20) if chr(code) not in "\t\n"}  # ESC becomes ␛, and so on
_TABLE = {**_PICTURES, 0x7F: 0x2421, **dict.fromkeys([*range(0x80, 0xA0), *map(ord, REORDERING)], 0xFFFD)}


def harmless(text: str) -> str:
    """`text` with colours removed and every other control character but tab and newline made visible."""
    return COLOUR.sub("", text.replace("\r\n", "\n")).translate(_TABLE)
