"""The tables of numbers: of each model and format, and of what is compared with what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from codeact.bench import words
from codeact.bench.analysis import Analysis, Cell, Numbers
from codeact.bench.blocks import Block, Heading, Picture, Prose, Table
from codeact.bench.models import MOST
from codeact.bench.pairs import Comparison
from codeact.rollouts.taxonomy import FAILURES

_MEASURES = (
    *("success", "95 %", "mean turns", "turns of successes"),
    *("tokens in", "tokens out", "seconds", "USD in all"),
)
_TESTS = (
    *("pairs", "tasks won", "success, points", "p", "p adjusted"),
    *("turns", "p", "p adjusted", "turns where both solved"),
)
_TESTED = (
    "Success: McNemar's exact test on tasks; with several seeds a task counts once, for the one that succeeded in more "
    "of them. Turns: a sign-flip test over tasks. Intervals of differences are a bootstrap over the paired tasks. p is "
    "adjusted by Holm's method over all rows of this table, for success and for turns apart."
)
_FORMATS_COMPARED = (
    "Each row compares two formats on the same tasks with the same seeds; a difference is the first format minus the "
    f"second. {_TESTED}"
)
_MODELS_COMPARED = (
    "Each row compares two models in one format, on all tasks and seeds that have a result of both; a difference is "
    f"the first model minus the second. Up to {MOST} models are compared each with each, of more each with the first. "
    f"{_TESTED}"
)


def glance(sections: Sequence[Numbers], formats: Sequence[str]) -> Iterator[Block]:
    """Success in all sections, where there are several."""
    rows = [
        [f"{one.section.suite}, {one.section.profile}", analysis.entrant.model]
        + [_success(analysis.formats.get(actions)) for actions in formats]
        for one in sections
        for analysis in one.shown
    ]
    if len(sections) > 1 and rows:
        yield Heading("At a glance", 2)
        yield Prose("Success, with its interval. Tasks, shares and everything else are below, suite by suite.")
        yield Table(columns=("suite, profile", "model", *formats), rows=rows, words=2)


def numbers(found: Numbers, pictures: Sequence[Picture]) -> Iterator[Block]:
    """Everything but what was run. The first picture is of all, the last one of failures."""
    analyses = found.shown
    overview, *more = pictures
    yield Heading("Success and turns", 3)
    yield Table(
        columns=("model", "format", *_MEASURES),
        rows=[
            [analysis.entrant.model, actions, *_measures(cell)]
            for analysis in analyses
            for actions, cell in analysis.formats.items()
        ],
        words=2,
    )
    yield overview
    yield from _formats_compared(analyses)
    yield from models_compared(found)
    yield from _groups("By domain", "domain", analyses)
    yield from _groups("By the number of calls needed", "calls", analyses)
    yield from more[:-1]
    yield Heading("What went wrong", 3)
    yield from _failures(analyses)
    yield more[-1]


def models_compared(found: Numbers) -> Iterator[Block]:
    """Also where no model has been run in all its formats yet."""
    rows = [
        [f"{_against(test.numbers)}{' (adapted − base)' if test.adapted else ''}", test.actions, *_tests(test.numbers)]
        for test in found.models
    ]
    if rows:
        yield Heading("Models compared", 3)
        yield Table(columns=("models", "format", *_TESTS), rows=rows, words=2)
        yield Prose(_MODELS_COMPARED)


def _formats_compared(analyses: Sequence[Analysis]) -> Iterator[Block]:
    rows = [[one.entrant.model, _against(test), *_tests(test)] for one in analyses for test in one.comparisons]
    if rows:
        yield Heading("Formats against each other", 3)
        yield Table(columns=("model", "formats", *_TESTS), rows=rows, words=2)
        yield Prose(_FORMATS_COMPARED)


def _groups(title: str, label: str, analyses: Sequence[Analysis]) -> Iterator[Block]:
    rows = [
        [analysis.entrant.model, str(name), actions, *_measures(cell)]
        for analysis in analyses
        for name, cells in (analysis.domains if label == "domain" else analysis.calls).items()
        for actions, cell in cells.items()
    ]
    if rows:
        yield Heading(title, 3)
        yield Table(columns=("model", label, "format", *_MEASURES), rows=rows, words=3)


def _failures(analyses: Sequence[Analysis]) -> Iterator[Block]:
    found = [(one.entrant.model, actions, one.failures[actions]) for one in analyses for actions in one.failures]
    yield Prose("Episodes that failed, each by one kind:")
    yield Table(
        columns=("model", "format", "failed", *FAILURES),
        rows=[
            [model, actions, *map(str, [sum(counts.episodes.values()), *map(counts.episodes.__getitem__, FAILURES)])]
            for model, actions, counts in found
        ],
        words=2,
    )
    yield Prose("Turns that failed, of all turns, those of successful episodes included:")
    yield Table(
        columns=("model", "format", "turns", *FAILURES),
        rows=[
            [model, actions, words.count(counts.turns)]
            + [words.per_cent(counts.steps[name] / counts.turns) if counts.turns else words.NONE for name in FAILURES]
            for model, actions, counts in found
        ],
        words=2,
    )


def _measures(cell: Cell) -> list[str]:
    return [
        words.success(cell),
        words.share_range(cell.interval),
        words.mean(cell.turns),
        words.mean(cell.solved_turns),
        words.count(cell.input_tokens),
        words.count(cell.output_tokens),
        f"{cell.time:.1f}",
        words.money(cell.cost),
    ]


def _tests(test: Comparison) -> list[str]:
    return [
        words.count(test.pairs),
        f"{test.won.first} : {test.won.second}",
        words.points(test.success),
        words.probability(test.success.p),
        words.probability(test.success.adjusted),
        words.mean(test.turns.mean, signed=True),
        words.probability(test.turns.p),
        words.probability(test.turns.adjusted),
        f"{words.mean(test.solved_turns, signed=True)} of {test.both_solved}",
    ]


def _against(test: Comparison) -> str:
    return f"{test.first} − {test.second}"


def _success(cell: Cell | None) -> str:
    interval = f" ({words.share_range(cell.interval)})" if cell and cell.episodes else ""
    return f"{words.success(cell)}{interval}"
