"""From rows to sequences of tokens, each with a mask of what is trained, none longer than the limit.

What is too long is never cut inside a message: whole turns are dropped at its end, up to the last reply that fits, and
a row whose first reply does not fit is dropped. Behind the last trained token nothing is kept: it would cost time, and
no loss depends on it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codeact.errors import UsageError
from codeact.training.chat import Chat, Rendered, Tokenized
from codeact.training.counts import Counts
from codeact.training.rows import Pair, Row
from codeact.training.settings import TooLong

IGNORED = -100  # the label of a token without loss


@dataclass(frozen=True, slots=True, eq=False)
class Sequence:
    """One document: its tokens, and which of them the model is trained to write."""

    row: str
    kind: str  # its first message: sequences of one kind begin alike
    tokens: NDArray[np.int32]  # (T,)
    trained: NDArray[np.bool_]  # (T,)

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def labels(self) -> NDArray[np.int64]:
        """(T,), at the same places as the tokens; the loss does the shift by one."""
        return np.where(self.trained, self.tokens, IGNORED)


@dataclass(frozen=True, slots=True)
class _Encoded:
    tokens: NDArray[np.int32]
    trained: NDArray[np.bool_]
    ends: tuple[int, ...]  # behind the last token of each trained reply


def encode_rows(
    rows: Iterable[Row], chat: Chat, *, length: int, too_long: TooLong, enough: float = math.inf
) -> tuple[list[Sequence], Counts]:
    """The sequences of rows, until there are `enough` tokens, and the count of what had to be left out.

    Raises:
        UsageError: what is trained of a row cannot be told, or nothing at all fits in the length.
    """
    kept: list[Sequence] = []
    total = longest = cut = turns_cut = tokens = 0
    for row in rows:
        if tokens >= enough:
            break
        encoded = _encode(row, chat)
        total, longest = total + 1, max(longest, encoded.ends[-1])
        fitting = _fitting(encoded, length, too_long)
        if not fitting:
            continue
        turns = len(encoded.ends) - len(fitting)
        cut, turns_cut = cut + bool(turns), turns_cut + turns
        tokens += fitting[-1]
        kept.append(_sequence(row, encoded, fitting[-1]))
    if not kept:
        raise UsageError(f"none of {total:,} rows fits in --length {length:,}; the longest has {longest:,} tokens")
    return kept, Counts(
        rows=total,
        sequences=len(kept),
        tokens=tokens,
        trained=sum(int(sequence.trained.sum()) for sequence in kept),
        longest=longest,
        cut=cut,
        turns_cut=turns_cut,
        dropped=total - len(kept),
    )


def encode_pairs(pairs: Iterable[Pair], chat: Chat, *, length: int) -> tuple[list[tuple[Sequence, Sequence]], Counts]:
    """The two sequences of each pair, the chosen one first. A pair of which one does not fit is dropped: cut short, it
    would be compared with something whole.

    Raises:
        UsageError: as `encode_rows`.
    """
    kept: list[tuple[Sequence, Sequence]] = []
    total = longest = 0
    for pair in pairs:
        chosen, rejected = (_entire(row, chat) for row in (pair.chosen, pair.rejected))
        total, longest = total + 1, max(longest, len(chosen), len(rejected))
        if max(len(chosen), len(rejected)) <= length:
            kept.append((chosen, rejected))
    if not kept:
        raise UsageError(f"none of {total:,} pairs fits in --length {length:,}; the longest row has {longest:,} tokens")
    sequences = [sequence for pair in kept for sequence in pair]
    return kept, Counts(
        rows=total,
        sequences=len(sequences),
        tokens=sum(map(len, sequences)),
        trained=sum(int(sequence.trained.sum()) for sequence in sequences),
        longest=longest,
        cut=0,
        turns_cut=0,
        dropped=total - len(kept),
    )


def _entire(row: Row, chat: Chat) -> Sequence:
    encoded = _encode(row, chat)
    return _sequence(row, encoded, encoded.ends[-1])


def _sequence(row: Row, encoded: _Encoded, end: int) -> Sequence:
    return Sequence(row.id, row.messages[0].content, encoded.tokens[:end], encoded.trained[:end])


def _fitting(encoded: _Encoded, length: int, too_long: TooLong) -> tuple[int, ...]:
    """The ends of replies that fit; none where the row is to be dropped."""
    fitting = tuple(end for end in encoded.ends if end <= length)
    whole = len(fitting) == len(encoded.ends)
    return fitting if whole or too_long == "cut" else ()


def _encode(row: Row, chat: Chat) -> _Encoded:
    rendered = chat.render(row.messages)
    made = chat.tokenize(rendered.text)
    trained = np.zeros(len(made.ids), dtype=np.bool_)
    ends: list[int] = []
    for first, last in _token_spans(row, rendered, made):
        trained[first:last] = True
        ends.append(last)
    return _Encoded(np.asarray(made.ids, dtype=np.int32), trained, tuple(ends))


def _token_spans(row: Row, rendered: Rendered, made: Tokenized) -> Iterable[tuple[int, int]]:
    """The tokens of each trained span of characters. A token across its border would be trained in one place and
    given in another, and the server never makes such a one: it has to split there as well.
    """
    starts = np.asarray([start for start, _ in made.places])
    ends = np.asarray([end for _, end in made.places])
    for start, end in rendered.spans:
        first, last = int(np.searchsorted(starts, start)), int(np.searchsorted(ends, end, side="right"))
        crossed = first > 0 and ends[first - 1] > start
        if first >= last or crossed or (last < len(starts) and starts[last] < end):
            raise UsageError(f"row {row.id!r}: a token runs across the border of a reply, so it cannot be told apart")
        yield first, last
