"""The report as blocks: what is said, in which order. How it looks is another module's business."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from codeact.actions import FORMATS
from codeact.bench import tables, words
from codeact.bench.analysis import Analysis, Numbers
from codeact.bench.blocks import Block, Heading, Noted, Picture, Prose, Table, cut
from codeact.bench.published import SOURCE, is_same_model, published
from codeact.bench.sections import Entrant, Section
from codeact.rollouts import Key

INTRODUCTION = (
    "Success of agents that act in code, in JSON or in text, on the same tasks with the same tools, seeds and limits. "
    "Intervals are of 95 %: Wilson's for success, a bootstrap over tasks for means. Turns are replies of the model, "
    "failed episodes included, as the paper counts them. How each number is computed: docs/bench.md."
)
LONGEST = 300  # characters of what a model or an endpoint said


def page(found: Sequence[tuple[Numbers, Sequence[Picture]]]) -> Iterator[Block]:
    """The whole report."""
    yield Heading("Action formats compared", 1)
    yield Prose(INTRODUCTION)
    if not found:
        yield Prose("There are no results.")
    everything = [numbers for numbers, _ in found]
    yield from tables.glance(everything, _formats([one for each in everything for one in each.section.entrants]))
    for numbers, pictures in found:
        section = numbers.section
        yield Heading(f"{section.suite}, profile {section.profile}{words.settings(section.options)}", 2)
        yield from _what_was_run(section)
        yield from tables.numbers(numbers, pictures) if pictures else tables.models_compared(numbers)
        yield from _beside_the_paper(section, numbers.analyses)
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
        if entrant.lost.tries:
            yield Prose(_lost(entrant))
    if len({tuple(entrant.common) for entrant in section.entrants}) > 1:
        yield Prose(
            "The models were not run on the same tasks: their rows below are of different ones. What 'Models compared' "
            "says is of the tasks and seeds that both have."
        )


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


def _lost(entrant: Entrant) -> str:
    lost = entrant.lost
    money = "" if lost.usage.cost is None else f" and {words.money(lost.usage.cost)} USD"
    return (
        f"{entrant.model}: tries that broke with the machinery: {lost.tries:,}. They took "
        f"{lost.usage.tokens:,} tokens, {lost.seconds:.1f} seconds{money} besides, which are in no number below."
    )


def _drawn(entrant: Entrant) -> str:
    """Which part of the suite was to be run: `20 of its 82 tasks (seed=0)`."""
    how = words.settings({name: value for name, value in entrant.share.items() if name not in ("tasks", "of")})
    return f"on {len(entrant.tasks)} of the suite's {entrant.share.get('of')} tasks{how and f' ({how[2:]})'}"


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
