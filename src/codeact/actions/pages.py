"""What a piece of HTML says to a reader of text: the cells of a table side by side, each row on a line."""

from __future__ import annotations

from html.parser import HTMLParser

_MOST = 100_000  # characters of HTML that are read; a model is shown a few thousand
_HIDDEN = frozenset(["script", "style", "head", "template"])
_CELLS = frozenset(["td", "th"])
_INLINE = frozenset(["a", "abbr", "b", "code", "em", "i", "mark", "small", "span", "strong", "sub", "sup", "u"])


def text_of(html: str) -> str:
    """Empty where there is nothing but drawing and code."""
    reader = _Reader()
    reader.feed(html[:_MOST])
    reader.close()
    lines = (" ".join(line.split()).removeprefix("| ") for line in "".join(reader.parts).split("\n"))
    return "\n".join(filter(None, lines))


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._hidden = 0  # elements around that are not shown

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _HIDDEN:
            self._hidden += 1
        elif tag in _CELLS:
            self.parts.append(" | ")
        elif tag not in _INLINE:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in _HIDDEN:
            self._hidden = max(0, self._hidden - 1)
        elif tag not in _INLINE and tag not in _CELLS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(" ".join(data.split("\n")))
