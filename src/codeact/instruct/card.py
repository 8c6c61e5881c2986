"""The card of a data set: README.md with the header that hubs read, the paper's table, and where all of it is from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from codeact.instruct.statistics import Group, Numbers
from codeact.instruct.terms import NO_LICENCE
from codeact.types import JSON

_HUB_LICENCES = {"own": "apache-2.0"}  # what we generate ourselves is under the project's licence
_HUB_KNOWS = ("mit", "apache-2.0", "cc0-1.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0", "bsd-3-clause")
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def card(name: str, numbers: Numbers, files: Mapping[str, str], form: str, report: Mapping[str, JSON] | None) -> str:
    """The text of the card. `files` are those of each part; `report` is what `select` left, where it is known."""
    parts = [
        _header(name, numbers, files),
        f"# {name}",
        "Episodes of a language model that acts by writing Python (CodeAct), selected to be trained on: the messages "
        "exactly as the model saw them, its system prompt included. A message with `is_copied_context` is context "
        "only: it is read, and no loss is taken on it.",
        f"{_parts(numbers, files)} Form: `{form}`. Split by task: no task is in both.",
        "## What is in it",
        _table(numbers),
        f"Tokens are {numbers.counter.name}; the longest row has {numbers.longest:,}. "
        f"{numbers.all.learned:,} messages are trained on. {numbers.repaired:,} rows come from a repair, in which an "
        "episode that had failed was taken up again at its failing turn.",
        "## Where it is from",
        _listed("source of the tasks | licence of the data", numbers.sources.items(), _source),
        _listed("model that wrote the replies", numbers.models.items(), _model),
        *_funnel(report),
    ]
    return "\n\n".join(parts) + "\n"


def _header(name: str, numbers: Numbers, files: Mapping[str, str]) -> str:
    licences = sorted({_hub_licence(licence) for _, licence in numbers.sources})
    lines = [
        "---",
        f"pretty_name: {json.dumps(name)}",
        *_yaml_list("license", licences),
        *_yaml_list("task_categories", ["text-generation"]),
        *_yaml_list("language", ["en"]),
        *_yaml_list("tags", ["codeact", "agent", "code", "tool-use"]),
        *_yaml_list("size_categories", [next((word for most, word in _SIZES if numbers.all.rows < most), "n>1M")]),
        "configs:",
        "- config_name: default",
        "  data_files:",
        *(line for part, path in files.items() for line in (f"  - split: {part}", f"    path: {path}")),
        "---",
    ]
    return "\n".join(lines)


def _yaml_list(key: str, values: Sequence[str]) -> list[str]:
    return [f"{key}:", *(f"- {value}" for value in values)]


def _hub_licence(licence: str) -> str:
    known = _HUB_LICENCES.get(licence, licence.lower())
    return known if known in _HUB_KNOWS else "other" if licence else "unknown"


def _parts(numbers: Numbers, files: Mapping[str, str]) -> str:
    said = [
        f"`{path}` has {group.rows:,} rows of {len(group.tasks):,} tasks"
        for part, path in files.items()
        for known, group in numbers.parts.items()
        if known == part
    ]
    return ", ".join(said) + "."


def _table(numbers: Numbers) -> str:
    """As the paper's: instances, tokens, average; and what it lacks."""
    groups = [*sorted(numbers.domains.items()), ("**all**", numbers.all)]
    heads = ("domain", "instances", "tasks", "tokens", "average tokens", "average turns")
    rows = [_figures(name, group) for name, group in groups]
    return "\n".join([_line(heads), _line(["---", *["---:"] * 5]), *map(_line, rows)])


def _figures(name: str, group: Group) -> list[str]:
    averages = (group.tokens / group.rows, group.turns / group.rows)
    counts = (group.rows, len(group.tasks), group.tokens)
    return [_cell(name), *(f"{count:,}" for count in counts), *(f"{average:,.2f}" for average in averages)]


def _listed(heads: str, counts: Any, shown: Any) -> str:
    lines = [f"| {shown(what)} | {count:,} |" for what, count in sorted(counts)]
    columns = heads.count("|") + 1
    return "\n".join([f"| {heads} | rows |", f"|{'---|' * columns}---:|", *lines])


def _source(what: tuple[str, str]) -> str:
    source, licence = what
    return f"{_cell(source or NO_LICENCE)} | {_cell(licence or NO_LICENCE)}"


def _model(name: str) -> str:
    return f"`{_cell(name)}`"


def _funnel(report: Mapping[str, JSON] | None) -> list[str]:
    if report is None:
        return ["How the rows were selected is not known: there was no report of `codeact instruct select` with them."]
    lines = [
        _line(_cell(str(stage[name])) if isinstance(stage[name], str) else f"{stage[name]:,}" for name in _COLUMNS)
        for stage in report["stages"]
    ]
    bench = ", ".join(f"{name} ({count:,} tasks)" for name, count in report["bench"]["tasks"].items())
    by_suite = ", ".join(report["bench"]["suites"])
    compared = (
        f"Compared with the tasks of {bench or 'no bench'}, in {report['n']}-grams; rows that were played on "
        f"{by_suite} are left out by the suite's name."
        if "bench" in report["pipeline"]
        else "**Not decontaminated**: it may hold tasks that models are measured on."
    )
    return ["## How it was selected", "\n".join([_line(_COLUMNS), "|---|---:|---:|---:|---|", *lines]), compared]


_COLUMNS = ("filter", "in", "dropped", "left", "drops")


def _line(cells: Any) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
