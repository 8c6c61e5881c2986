"""A report as JSON, for programs: every number of the other forms, and every episode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version

from codeact.bench.analysis import Analysis, Cell, Numbers
from codeact.bench.pairs import Comparison
from codeact.bench.published import SOURCE, published
from codeact.bench.sections import Entrant, Measured
from codeact.bench.statistics import RESAMPLES, SEED
from codeact.types import JSON

SCHEMA = 1  # raised when a field changes its meaning or goes


def as_json(sections: Sequence[Numbers]) -> dict[str, JSON]:
    """The whole report. Shares are from 0 to 1, times in seconds, costs in USD."""
    return {
        "kind": "report",
        "schema": SCHEMA,
        "codeact": version("codeact"),
        "bootstrap": {"resamples": RESAMPLES, "seed": SEED},
        "sections": [_section(found) for found in sections],
    }


def _section(found: Numbers) -> dict[str, JSON]:
    section = found.section
    return {
        "suite": section.suite,
        "profile": section.profile,
        "options": dict(section.options),
        "models": [_model(analysis) for analysis in found.analyses],
        "models_compared": [
            {"actions": test.actions, "adapted": test.adapted, **_test(test.numbers)} for test in found.models
        ],
        "published": {"source": SOURCE, "rows": [asdict(row) for row in published(section.suite)]},
    }


def _model(analysis: Analysis) -> dict[str, JSON]:
    return {
        "model": analysis.entrant.model,
        "run": _run(analysis.entrant),
        "formats": _cells(analysis.formats),
        "domains": {name: _cells(cells) for name, cells in analysis.domains.items()},
        "calls": {str(number): _cells(cells) for number, cells in analysis.calls.items()},
        "failures": {actions: asdict(failures) for actions, failures in analysis.failures.items()},
        "comparisons": [_test(test) for test in analysis.comparisons],
        "episodes": [_episode(episode) for episode in analysis.entrant.episodes.values()],
    }


def _test(test: Comparison) -> dict[str, JSON]:
    return asdict(test) | {"won": {test.first: test.won.first, test.second: test.won.second}}


def _run(entrant: Entrant) -> dict[str, JSON]:
    return {
        "settings": dict(entrant.settings),
        "subset": dict(entrant.share),
        "formats": list(entrant.formats),
        "tasks": len(entrant.tasks),
        "seeds": list(entrant.seeds),
        "planned": entrant.planned,
        "judged": {actions: entrant.judged(actions) for actions in entrant.formats},
        "broken": [asdict(key) | {"error": error} for key, error in entrant.broken.items()],
        "lost": entrant.lost.to_record(),
        "compared_pairs": len(entrant.common),
    }


def _cells(cells: Mapping[str, Cell]) -> dict[str, JSON]:
    return {actions: asdict(cell) | {"share": cell.share} for actions, cell in cells.items()}


def _episode(episode: Measured) -> dict[str, JSON]:
    return asdict(episode.key) | {
        "domain": episode.domain,
        "calls": episode.calls,
        "correct": episode.correct,
        "failure": episode.failure,
        "steps": list(episode.steps),
        "turns": episode.turns,
        "usage": asdict(episode.usage),
        "time": episode.time,
        "reason": episode.reason,
    }
