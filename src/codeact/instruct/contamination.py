"""Decontamination: no row may hold a task that models are measured on.

A row is hit in one of three ways, tried in this order: its task's words are a bench task's (`exact`); they share at
least `share` of the n-grams of the shorter of both (`n-grams`); or it was played on a suite of the bench, whatever its
words are (`suite`). Compared are prompts, in words without case and punctuation. An n-gram that many tasks of a bench
have in common, as "solution output format an integer" is, says nothing of any of them and does not count.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from codeact.instruct.bench_texts import BenchText
from codeact.instruct.candidate import Candidate

N = 8  # words
SHARE = 0.5  # of the n-grams of the shorter text
LEAST = 3  # n-grams, where both have as many: one phrase in common is no task in common
COMMON = 10  # tasks of a bench, and a twentieth of it: what more of them have in common is its form and not its content
_WORD = re.compile(r"\w+")

Way = Literal["exact", "n-grams", "suite"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A row that holds a task of the bench."""

    row: str
    bench: str
    task: str  # of the bench; empty where only the suite is the same
    way: Way
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class _Known:
    text: BenchText
    grams: int


@dataclass(slots=True)
class Index:
    """The tasks of the bench, to be looked up by what they say."""

    n: int = N
    share: float = SHARE
    sizes: dict[str, int] = field(default_factory=dict[str, int])  # tasks of each bench
    _exact: dict[str, BenchText] = field(default_factory=dict[str, BenchText])
    _grams: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    _known: list[_Known] = field(default_factory=list[_Known])

    def add(self, texts: Iterable[BenchText]) -> None:
        """Add one bench, whole: what is common among its tasks is judged by all of them."""
        listed = {" ".join(words_of(text.text)): text for text in texts}  # profiles share many of their texts
        spread = Counter(gram for words in listed for gram in set(grams_of(words.split(), self.n)))
        common = max(COMMON, len(listed) // 20)
        for words, text in listed.items():
            self.sizes[text.bench] = self.sizes.get(text.bench, 0) + 1
            self._exact.setdefault(words, text)
            telling = {gram for gram in grams_of(words.split(), self.n) if spread[gram] <= common}
            for gram in telling:
                self._grams.setdefault(gram, []).append(len(self._known))
            self._known.append(_Known(text, len(telling)))

    def find(self, asked: str) -> tuple[BenchText, Way, float] | None:
        """The bench task that a text holds, if any: the one with the largest share."""
        words = words_of(asked)
        if (same := self._exact.get(" ".join(words))) is not None:
            return same, "exact", 1.0
        grams = set(grams_of(words, self.n))
        counts = Counter(place for gram in grams for place in self._grams.get(gram, ()))
        least = min(LEAST, len(grams))
        shares = [
            (count / min(self._known[place].grams, len(grams)), -place)
            for place, count in counts.items()
            if count >= min(least, self._known[place].grams)
        ]
        best, place = max(shares, default=(0.0, 0))
        return (self._known[-place].text, "n-grams", best) if best >= self.share and shares else None


def words_of(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def grams_of(words: Sequence[str], n: int) -> list[str]:
    """All runs of n words; a text of fewer words is one run."""
    return [" ".join(words[start : start + n]) for start in range(max(1, len(words) - n + 1))]


@dataclass(slots=True)
class Decontaminate:
    """The filter. `hits` says which row held what."""

    index: Index
    suites: Sequence[str]  # no row that was played on one of them passes
    hits: list[Hit] = field(default_factory=list[Hit])
    name: str = "bench"

    @property
    def reason(self) -> str:
        return f"a task of the bench ({self.index.n}-grams, {self.index.share:.0%} of the shorter, or its suite)"

    def __call__(self, candidates: Iterator[Candidate]) -> Iterator[Candidate]:
        for candidate in candidates:
            hit = self.hit(candidate)
            if hit is None:
                yield candidate
            else:
                self.hits.append(hit)

    def hit(self, candidate: Candidate) -> Hit | None:
        row = candidate.row
        if (found := self.index.find(candidate.asked)) is not None:
            text, way, share = found
            return Hit(row=row.id, bench=text.bench, task=text.task, way=way, share=round(share, 3))
        suite = str(row.origin.get("suite", ""))
        return Hit(row=row.id, bench=suite, task="", way="suite") if suite in self.suites else None
