"""Counts in Prometheus' text format: few lines, so that no dependency is needed for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, float("inf"))  # seconds
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "WS"})

Labels = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Requests:
    """What was asked and how long it took. Labels are routes, never paths: there are few of them, whatever is asked."""

    asked: Counter[Labels] = field(default_factory=Counter[Labels])
    buckets: Counter[float] = field(default_factory=Counter[float])
    took: float = 0.0  # seconds, all together

    def count(self, method: str, route: str, status: int, took: float) -> None:
        known = method if method in METHODS else "other"
        self.asked[("method", known), ("route", route or "other"), ("status", str(status))] += 1
        self.buckets[next(bound for bound in BOUNDS if took <= bound)] += 1
        self.took += took

    def lines(self) -> Iterator[str]:
        yield from family("codeact_http_requests_total", "counter", "Answers, by route and status.", self.asked.items())
        name = "codeact_http_request_seconds"
        yield from _head(name, "histogram", "How long answers took, event streams included.")
        total = 0
        for bound in BOUNDS:
            total += self.buckets[bound]
            yield f'{name}_bucket{{le="{"+Inf" if bound == float("inf") else f"{bound:g}"}"}} {total}'
        yield f"{name}_sum {self.took:.6f}"
        yield f"{name}_count {total}"


def family(name: str, kind: str, help: str, values: Iterable[tuple[Labels, float]]) -> Iterator[str]:
    """All samples of one metric."""
    yield from _head(name, kind, help)
    for labels, value in sorted(values):
        inside = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels)
        yield f"{name}{{{inside}}} {value:g}" if inside else f"{name} {value:g}"


def gauges(values: Mapping[str, float], help: Mapping[str, str]) -> Iterator[str]:
    for name, value in values.items():
        yield from family(f"codeact_{name}", "gauge", help.get(name, name.replace("_", " ")), [((), value)])


def _head(name: str, kind: str, help: str) -> Iterator[str]:
    yield f"# HELP {name} {help}"
    yield f"# TYPE {name} {kind}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
