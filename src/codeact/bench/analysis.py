"""From a section's episodes to its numbers: one cell for each model and format, and what is compared with what."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TypeVar

from codeact.bench.models import ModelComparison, compare_models
from codeact.bench.pairs import Comparison, comparison, corrected
from codeact.bench.sections import Entrant, Measured, Section
from codeact.bench.statistics import Mean, mean
from codeact.rollouts import Interval, Key, share_interval
from codeact.rollouts.taxonomy import FAILURES, Failure

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Some episodes of one model in one format."""

    episodes: int
    tasks: int
    successes: int
    interval: Interval  # of the share of successes, Wilson's
    turns: Mean | None  # over all episodes, as the paper has it
    solved_turns: Mean | None  # over successes only
    input_tokens: float  # mean of an episode
    output_tokens: float
    time: float  # seconds, mean of an episode
    cost: float | None  # USD, all episodes together; None when no price is known

    @property
    def share(self) -> float:
        return self.successes / self.episodes if self.episodes else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures:
    """What went wrong in a format."""

    episodes: Mapping[Failure, int]
    steps: Mapping[Failure, int]
    turns: int  # all steps there were


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """The numbers of one model in a section, by format, all of them over its common tasks."""

    entrant: Entrant
    formats: Mapping[str, Cell]
    domains: Mapping[str, Mapping[str, Cell]]  # by domain, then by format
    calls: Mapping[int, Mapping[str, Cell]]  # by the number of calls needed, where the suite labels it
    failures: Mapping[str, Failures]
    comparisons: Sequence[Comparison]


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """All that a report says of a section."""

    section: Section
    analyses: Sequence[Analysis]  # of its models, in their order
    models: Sequence[ModelComparison]

    @property
    def shown(self) -> list[Analysis]:
        """Those with something to compare."""
        return [analysis for analysis in self.analyses if analysis.entrant.common]


def analyse(section: Section) -> Numbers:
    """The numbers of each model, and of the models against each other. Tests are corrected together: a family is the
    section's tests of one measure, between formats or between models.
    """
    found = [_analysis(entrant) for entrant in section.entrants]
    tests = iter(corrected([test for analysis in found for test in analysis.comparisons]))
    analyses = [replace(one, comparisons=[next(tests) for _ in one.comparisons]) for one in found]
    return Numbers(section=section, analyses=analyses, models=compare_models(section))


def _analysis(entrant: Entrant) -> Analysis:
    compared = {actions: entrant.compared(actions) for actions in entrant.formats}
    return Analysis(
        entrant=entrant,
        formats={actions: cell(episodes) for actions, episodes in compared.items()},
        domains=_split(compared, lambda episode: episode.domain),
        calls=dict(sorted(_split(compared, lambda episode: episode.calls).items())),
        failures={actions: _failures(episodes) for actions, episodes in compared.items()},
        comparisons=_comparisons(entrant),
    )


def cell(episodes: Sequence[Measured]) -> Cell:
    """The numbers of some episodes, a task with all its seeds as one cluster."""
    by_task = _by_task(episodes)
    costs = [episode.usage.cost for episode in episodes if episode.usage.cost is not None]
    return Cell(
        episodes=len(episodes),
        tasks=len(by_task),
        successes=sum(episode.correct for episode in episodes),
        interval=share_interval([[one.correct for one in cluster] for cluster in by_task]),
        turns=mean([[one.turns for one in cluster] for cluster in by_task]),
        solved_turns=mean([[one.turns for one in cluster if one.correct] for cluster in by_task]),
        input_tokens=_average(one.usage.input_tokens for one in episodes),
        output_tokens=_average(one.usage.output_tokens for one in episodes),
        time=_average(one.time for one in episodes),
        cost=sum(costs) if costs else None,
    )


def _comparisons(entrant: Entrant) -> list[Comparison]:
    if not entrant.common:
        return []
    return [_comparison(entrant, first, second) for first, second in combinations(entrant.formats, 2)]


def _comparison(entrant: Entrant, first: str, second: str) -> Comparison:
    others = entrant.compared(second)
    return comparison(
        first, second, ((entrant.episodes[Key(one.key.task, first, one.key.seed)], one) for one in others)
    )


def _failures(episodes: Sequence[Measured]) -> Failures:
    steps = [failure for episode in episodes for failure in episode.steps]
    ends = [episode.failure for episode in episodes]
    return Failures(
        episodes={failure: ends.count(failure) for failure in FAILURES},
        steps={failure: steps.count(failure) for failure in FAILURES},
        turns=len(steps),
    )


def _split(
    compared: Mapping[str, Sequence[Measured]], group: Callable[[Measured], T | None]
) -> dict[T, dict[str, Cell]]:
    """A cell for each group and format; none where there is but one group, which the whole tells already."""
    groups = list(dict.fromkeys(name for episodes in compared.values() for name in map(group, episodes)))
    return {
        name: {actions: cell([one for one in episodes if group(one) == name]) for actions, episodes in compared.items()}
        for name in groups
        if name is not None and len(groups) > 1
    }


def _by_task(episodes: Iterable[Measured]) -> list[list[Measured]]:
    clusters = dict[str, list[Measured]]()
    for episode in episodes:
        clusters.setdefault(episode.key.task, []).append(episode)
    return list(clusters.values())


def _average(values: Iterable[float]) -> float:
    listed = list(values)
    return sum(listed) / len(listed) if listed else 0.0
