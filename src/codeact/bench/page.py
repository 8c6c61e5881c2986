"""The report as blocks: what is said, in which order. How it looks is another module's business."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from codeact.actions import FORMATS
from codeact.bench import words
from codeact.bench.analysis import Analysis
from codeact.bench.blocks import Block, Heading, Noted, Picture, Prose, Table, cut
from codeact.bench.published import SOURCE, is_same_model, published
from codeact.bench.sections import Entrant, Section
from codeact.rollouts import Key
from codeact.rollouts.taxonomy import FAILURES

INTRODUCTION = (
    "Success of agents that act in code, in JSON or in text, on the same tasks with the same tools, seeds and limits. "
    "Intervals are of 95 %: Wilson's for success, a bootstrap over tasks for means. Turns are replies of the model, "
    "failed episodes included, as the paper counts them. How each number is computed: docs/bench.md."
)
LONGEST = 300  # characters of what a model or an endpoint said
METHOD = (
    "Each row compares two formats on the same tasks with the same seeds; a difference is the first format minus the "
    "second. Success: McNemar's exact test on tasks; with several seeds a task counts once, for the format that "
    "succeeded in more of them. Turns: a sign-flip test over tasks. p is adjusted by Holm's method over all rows of "
    "this table, for success and for turns apart."
)


def page(sections: Sequence[tuple[Section, Sequence[Analysis], Sequence[Picture]]]) -> Iterator[Block]:
    """The whole report."""
    yield Heading("Action formats compared", 1)
    yield Prose(INTRODUCTION)
    if not sections:
        yield Prose("There are no results.")
    for section, analyses, pictures in sections:
        yield Heading(f"{section.suite}, profile {section.profile}{words.settings(section.options)}", 2)
        yield from _what_was_run(section)
        if pictures:
            yield from _numbers([analysis for analysis in analyses if analysis.entrant.common], pictures)
        yield from _beside_the_paper(section, analyses)
        yield from _broken(section)
        yield from _episodes(section)


def _what_was_run(section: Section) -> Iterator[Block]:
    yield Heading("What was run", 3)
    yield Table(
        columns=("model", "tasks", "seeds", "planned", "judged", "share", "broken", *_formats(section.entrants)),
        rows=[_run_row(entrant, _formats(section.entrants)) for entrant in section.entrants],
    )
    for entrant in section.entrants:
        yield Prose(_compared(entrant))
    if len({tuple(entrant.common) for entrant in section.entrants}) > 1:
        yield Prose("The models were not run on the same tasks: compare formats within a model here, not models.")


def _run_row(entrant: Entrant, formats: Sequence[str]) -> list[str]:
    judged, cells = len(entrant.episodes), len(entrant.tasks) * len(entrant.seeds)
    by_format = [f"{entrant.judged(name)}/{cells}" if name in entrant.formats else words.NONE for name in formats]
    of = f" of {entrant.share['of']}" if "of" in entrant.share else ""
    return [
        f"{entrant.model}{words.settings(entrant.settings)}",
        f"{len(entrant.tasks)}{of}",
        *map(words.count, (len(entrant.seeds), entrant.planned, judged)),
        words.per_cent(judged / entrant.planned),
        words.count(len(entrant.broken)),
        *by_format,
    ]


def _compared(entrant: Entrant) -> str:
    missing = entrant.planned - len(entrant.episodes)
    drawn = f", {_drawn(entrant)}" if entrant.share else ""
    tasks = len({task for task, _ in entrant.common})
    extent = f"{words.several(tasks, 'task')} ({words.several(len(entrant.common), 'pair')} of task and seed)"
    if not missing:
        return f"{entrant.model}{drawn}: complete; all numbers are over its {extent}."
    return (
        f"{entrant.model}{drawn}: INCOMPLETE, {words.several(missing, 'episode')} of {entrant.planned:,} without a "
        f"result, {len(entrant.broken):,} of them because the machinery broke. All numbers below are over the {extent} "
        f"that have a result in every format ({', '.join(entrant.formats)}); nothing is extrapolated."
    )


def _drawn(entrant: Entrant) -> str:
    """Which part of the suite was to be run: `20 of its 82 tasks (seed=0)`."""
    how = words.settings({name: value for name, value in entrant.share.items() if name not in ("tasks", "of")})
    return f"on {len(entrant.tasks)} of the suite's {entrant.share.get('of')} tasks{how and f' ({how[2:]})'}"


def _numbers(analyses: Sequence[Analysis], pictures: Sequence[Picture]) -> Iterator[Block]:
    overview, *more = pictures
    yield Heading("Success and turns", 3)
    yield _cells(analyses)
    yield overview
    yield from _comparisons(analyses)
    yield from _groups("By domain", "domain", analyses)
    yield from _groups("By the number of calls needed", "calls", analyses)
    yield from more[:-1]
    yield Heading("What went wrong", 3)
    yield from _failures(analyses)
    yield more[-1]


def _cells(analyses: Sequence[Analysis]) -> Block:
    rows = [
        [
            analysis.entrant.model,
            actions,
            words.success(cell),
            words.share_range(cell.interval),
            words.mean(cell.turns),
            words.mean(cell.solved_turns),
            words.count(cell.input_tokens),
            words.count(cell.output_tokens),
            f"{cell.time:.1f}",
            words.money(cell.cost),
        ]
        for analysis in analyses
        for actions, cell in analysis.formats.items()
    ]
    measures = ("mean turns", "turns of successes", "tokens in", "tokens out", "seconds", "USD in all")
    return Table(columns=("model", "format", "success", "95 %", *measures), rows=rows, words=2)


def _comparisons(analyses: Sequence[Analysis]) -> Iterator[Block]:
    rows = [
        [
            analysis.entrant.model,
            f"{test.first} − {test.second}",
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
        for analysis in analyses
        for test in analysis.comparisons
    ]
    if not rows:
        return
    success = ("tasks won", "success, points", "p", "p adjusted")
    turns = ("turns", "p", "p adjusted", "turns where both solved")
    yield Heading("Formats against each other", 3)
    yield Table(columns=("model", "formats", "pairs", *success, *turns), rows=rows, words=2)
    yield Prose(METHOD)


def _groups(title: str, label: str, analyses: Sequence[Analysis]) -> Iterator[Block]:
    rows = [
        [
            analysis.entrant.model,
            str(name),
            actions,
            words.success(cell),
            words.share_range(cell.interval),
            words.mean(cell.turns),
            words.mean(cell.solved_turns),
        ]
        for analysis in analyses
        for name, cells in (analysis.domains if label == "domain" else analysis.calls).items()
        for actions, cell in cells.items()
    ]
    if rows:
        yield Heading(title, 3)
        columns = ("model", label, "format", "success", "95 %", "mean turns", "turns of successes")
        yield Table(columns=columns, rows=rows, words=3)


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


def _beside_the_paper(section: Section, analyses: Sequence[Analysis]) -> Iterator[Block]:
    rows = published(section.suite)
    if not rows:
        return
    ours = [
        [analysis.entrant.model, "this report"] + [_with_turns(analysis, name) for name in FORMATS]
        for analysis in analyses
    ]
    theirs = [
        [row.model + (" (also ours)" if _is_ours(row.model, section) else ""), "the paper"]
        + [
            f"{cell.success:.1f} %, {cell.turns:.1f} turns" if cell.turns else f"{cell.success:.2f} %"
            for cell in row.formats.values()
        ]
        for row in rows
    ]
    yield Heading("Beside the paper's published numbers", 3)
    yield Prose(
        f"The rows marked 'the paper' are other people's measurements, under the original's protocol, checker and "
        f"parsers: {SOURCE}. Ours are of profile {section.profile!r}, on the tasks stated above. They show where the "
        f"models of that time stood; only rows of one source can be compared with each other."
    )
    yield Table(columns=("model", "measured by", *FORMATS), rows=[*ours, *theirs], words=2)


def _with_turns(analysis: Analysis, actions: str) -> str:
    cell = analysis.formats.get(actions)
    turns = f", {cell.turns.value:.1f} turns" if cell and cell.turns else ""
    return f"{words.success(cell)}{turns}"


def _is_ours(theirs: str, section: Section) -> bool:
    return any(is_same_model(entrant.model, theirs) for entrant in section.entrants)


def _broken(section: Section) -> Iterator[Block]:
    rows = [(one.model, str(key), cut(error, LONGEST)) for one in section.entrants for key, error in one.broken.items()]
    if rows:
        yield Heading("Broken episodes", 3)
        yield Prose(
            "The machinery failed here, twice in a row. They are no results, and the same command tries them again."
        )
        yield Table(columns=("model", "episode", "error"), rows=rows, words=3)


def _episodes(section: Section) -> Iterator[Block]:
    """Every task with every format beside each other."""
    for entrant in section.entrants:
        rows = [
            [task, str(seed), *(_episode(entrant, Key(task, actions, seed)) for actions in entrant.formats)]
            for task in entrant.tasks
            for seed in entrant.seeds
        ]
        title = f"Every episode of {entrant.model}"
        yield Table(columns=("task", "seed", *entrant.formats), rows=rows, words=2 + len(entrant.formats), folded=title)


def _episode(entrant: Entrant, key: Key) -> str | Noted:
    if (error := entrant.broken.get(key)) is not None:
        return Noted("broken", cut(error, LONGEST))
    episode = entrant.episodes.get(key)
    if episode is None:
        return "not run"
    turns = words.several(episode.turns, "turn")
    return (
        f"✓ {turns}"
        if episode.failure is None
        else Noted(f"✗ {episode.failure}, {turns}", cut(episode.reason, LONGEST))
    )


def _formats(entrants: Sequence[Entrant]) -> list[str]:
    return list(dict.fromkeys(actions for entrant in entrants for actions in entrant.formats))
