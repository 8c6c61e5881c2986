"""Pipelines of filters as data: which filters, with which values; the order is always the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from codeact.errors import UsageError
from codeact.instruct import filters
from codeact.instruct.bench_texts import BENCH
from codeact.instruct.contamination import Decontaminate, Index
from codeact.instruct.duplicates import Best, Unlike, distinct
from codeact.instruct.filters import Filter
from codeact.instruct.terms import ALLOWED_LICENCES, FORBIDDING_MODELS
from codeact.instruct.tokens import Counter, estimated
from codeact.types import JSON

Base = Literal["ours", "paper", "none"]
OFF, ON = "off", "on"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What filters go by besides their value."""

    index: Index = field(default_factory=Index)  # of the bench's tasks
    suites: Sequence[str] = BENCH  # rows that were played on these are dropped by name
    counter: Counter = estimated


@dataclass(frozen=True, slots=True)
class Entry:
    """One filter of the catalogue: how it is made from its value, and what it is for."""

    make: Callable[[JSON, Surroundings], Filter]
    line: str
    value: JSON = ON  # in the pipeline `ours`, or where it is asked for without one


def _plain(make: Callable[[], Filter]) -> Callable[[JSON, Surroundings], Filter]:
    def made(value: JSON, around: Surroundings) -> Filter:
        if value != ON:
            raise ValueError("it is on or off")
        return make()

    return made


def _choice(make: Callable[[str], Filter], *known: str) -> Callable[[JSON, Surroundings], Filter]:
    def made(value: JSON, around: Surroundings) -> Filter:
        if value not in known:
            raise ValueError(f"it is one of {', '.join(known)}")
        return make(value)

    return made


def _names(make: Callable[[Sequence[str]], Filter]) -> Callable[[JSON, Surroundings], Filter]:
    def made(value: JSON, around: Surroundings) -> Filter:
        listed = value.split(",") if isinstance(value, str) else value
        if not isinstance(listed, list | tuple):
            raise ValueError("it is a list of names, as in a,b")
        return make([str(name).strip() for name in cast("Sequence[Any]", listed)])

    return made


def _count(value: JSON) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError("it is a whole number from 1 on")
    return value


def _share(value: JSON) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
        raise ValueError("it is a share from 0 to 1")
    return float(value)


CATALOGUE: Mapping[str, Entry] = {
    "once": Entry(_plain(filters.once), "one of each task, model, format and seed"),
    "formats": Entry(_names(filters.formats), "the formats of actions", ["code"]),
    "success": Entry(
        _choice(filters.success, "judged", "answered"), "solved, as the judge has it; or `answered`", "judged"
    ),
    "turns": Entry(lambda value, _: filters.turns(_count(value)), "so many turns at least", 3),
    "readable": Entry(_plain(filters.readable), "not all turns before the last were unreadable"),
    "even": Entry(_plain(filters.even), "an even number of messages"),
    "alternating": Entry(_plain(filters.alternating), "user and assistant take turns"),
    "clean_step": Entry(
        _choice(filters.clean_step, "exception", "word"), "a step before the last ran cleanly", "exception"
    ),
    "fixed": Entry(_plain(filters.fixed), "something erred, and was fixed"),
    "bench": Entry(
        lambda value, around: Decontaminate(around.index, around.suites), "no task of the bench, by words or by suite"
    ),
    "licences": Entry(_names(filters.licences), "licences of the data that are allowed", list(ALLOWED_LICENCES)),
    "models": Entry(_names(filters.models), "patterns of models that are left out", list(FORBIDDING_MODELS)),
    "tokens": Entry(
        lambda value, around: filters.tokens(_count(value), around.counter), "so many tokens at most", 4096
    ),
    "distinct": Entry(_plain(distinct), "no exact duplicates for a task"),
    "unlike": Entry(lambda value, _: Unlike(_share(value)), "no more than this like a better one of its task", 0.8),
    "keep": Entry(lambda value, _: Best(_count(value)), "so many of each task, the best ones", 2),
}

PAPER: Mapping[str, JSON] = {
    "once": ON,
    "success": "judged",
    "turns": 3,
    "readable": ON,
    "even": ON,
    "clean_step": "word",
}
OURS: Mapping[str, JSON] = {
    name: entry.value for name, entry in CATALOGUE.items() if name not in ("even", "fixed")
}  # `alternating` holds `even`; to take nothing but what was fixed is a choice


def pipeline(base: Base = "ours", changes: Mapping[str, JSON] | None = None) -> dict[str, JSON]:
    """Names and values of filters: a base, with changes; the value `off` takes one away.

    Raises:
        UsageError: there is no such filter.
    """
    bases: Mapping[Base, Mapping[str, JSON]] = {"ours": OURS, "paper": PAPER, "none": {}}
    chosen = dict(bases[base])
    for name, value in (changes or {}).items():
        if name not in CATALOGUE:
            raise UsageError(f"there is no filter {name!r}; there are: {', '.join(CATALOGUE)}")
        if value in (OFF, False):
            chosen.pop(name, None)
        else:
            chosen[name] = CATALOGUE[name].value if value in (ON, True) else value
    return {name: chosen[name] for name in CATALOGUE if name in chosen}


def made(chosen: Mapping[str, JSON], around: Surroundings | None = None) -> list[Filter]:
    """The filters of a pipeline, after the one that no row can do without: `plain`.

    Raises:
        UsageError: a value that a filter cannot take.
    """
    around = around or Surroundings()
    return [filters.PLAIN, *(_made(name, value, around) for name, value in chosen.items())]


def _made(name: str, value: JSON, around: Surroundings) -> Filter:
    try:
        return CATALOGUE[name].make(value, around)
    except ValueError as error:
        raise UsageError(f"the filter {name} cannot take {value!r}: {error}") from error
