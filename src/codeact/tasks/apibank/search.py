"""BM25 (Okapi), the measure by which API-Bank's search engine ranks its documents."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

K1, B, EPSILON = 1.5, 0.75, 0.25

_TOKEN = re.compile(r"\w+|[^\w\s]")


def tokens(text: str) -> list[str]:
    """Words and marks, in lower case."""
    return _TOKEN.findall(text.lower())


def best(query: str, documents: Sequence[Sequence[str]], count: int) -> list[int]:
    """The places of the documents that fit best, the best first; of equals the first one."""
    counts = [Counter(document) for document in documents]
    weights = _weights(counts)
    mean = sum(map(len, documents)) / len(documents) if documents else 1.0
    scores = [
        sum(
            weights.get(word, 0.0) * found[word] * (K1 + 1) / (found[word] + K1 * (1 - B + B * len(document) / mean))
            for word in tokens(query)
        )
        for document, found in zip(documents, counts, strict=True)
    ]
    return sorted(range(len(scores)), key=lambda place: -scores[place])[:count]


def _weights(counts: Sequence[Counter[str]]) -> dict[str, float]:
    """How much a word says. One in most documents would say less than nothing: it gets a share of the mean instead."""
    spread = Counter(word for found in counts for word in found)
    total = len(counts)
    raw = {word: math.log(total - number + 0.5) - math.log(number + 0.5) for word, number in spread.items()}
    floor = EPSILON * sum(raw.values()) / len(raw) if raw else 0.0
    return {word: weight if weight >= 0 else floor for word, weight in raw.items()}
