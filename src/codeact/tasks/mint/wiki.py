"""`wikipedia_search` over a given corpus: the live encyclopedia changes, and no two runs would see the same."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping

from codeact.tools import ToolSource, tool

PAGES = 2  # in a result
LONGEST = 1000  # characters of one, as in the original
QUERY = 300  # characters of a query that count

_WORD = re.compile(r"\w+")


class Wiki:
    """Paragraphs by title, found by their words (BM25 with its usual constants; a title's words count twice)."""

    def __init__(self, pages: Mapping[str, str]) -> None:
        self._pages = pages
        self._counts = {title: Counter(_words(f"{title} {title} {text}")) for title, text in pages.items()}
        self._seen_in = Counter(word for counts in self._counts.values() for word in counts)
        self._usual = sum(counts.total() for counts in self._counts.values()) / max(len(pages), 1)

    def search(self, query: str) -> str:
        wanted = set(_words(query[:QUERY]))
        scores = {title: self._score(wanted, counts) for title, counts in self._counts.items()}
        best = sorted(self._pages, key=lambda title: (-scores[title], title))[:PAGES]
        found = [f"Page: {title}\nSummary: {self._pages[title]}" for title in best if scores[title] > 0]
        return "\n\n".join(found)[:LONGEST] or "No page was found."

    def tool(self) -> ToolSource:
        @tool(read_only=True)
        def wikipedia_search(query: str) -> str:
            """The summaries of the pages of an encyclopedia that fit a query best."""
            return self.search(query)

        return wikipedia_search

    def _score(self, wanted: set[str], counts: Counter[str]) -> float:
        length = 1.2 * (0.25 + 0.75 * counts.total() / self._usual)
        return sum(self._weight(word) * counts[word] * 2.2 / (counts[word] + length) for word in wanted)

    def _weight(self, word: str) -> float:
        seen = self._seen_in[word]
        return math.log(1 + (len(self._pages) - seen + 0.5) / (seen + 0.5))


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())
