"""The list of results, as HTML. All that files hold goes through `markup`, as what a model says in a chat does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from codeact.rollouts.intervals import share_interval
from codeact.rollouts.taxonomy import FAILURES
from codeact.server.page.markup import escaped
from codeact.server.page.results.index import Index, Played
from codeact.server.page.results.wanted import LONGEST, PAGE, Found, Wanted

NONE: Final = "–"
MOST_CHOICES: Final = 200  # of a filter
_ENDS: Final = {"solved": "solved", "failed": "failed", "broken": "broken"}


# --- the list -------------------------------------------------------------------------------------


def listing(jobs: Sequence[Index], rows: Sequence[Found], wanted: Wanted) -> str:
    """Jobs, filters, and one page of the episodes that fit."""
    head = '<nav class="pages" aria-label="Elsewhere"><a href="/">Conversations</a></nav><h1>Results</h1>'
    if not jobs:
        return f'{head}<p class="empty">There are no results files yet.</p>'
    return f"{head}{_jobs(jobs)}{_form(jobs, wanted)}{_kinds(rows, wanted)}{_episodes(rows, wanted)}"


def _jobs(jobs: Sequence[Index]) -> str:
    formats = formats_of(jobs)
    heads = "".join(f'<th scope="col">{escaped(name)}</th>' for name in ("suite", "model", *formats, "episodes"))
    rows = "".join(_job(index, formats) for index in jobs)
    return (
        '<div class="table" tabindex="0" role="region" aria-label="Jobs"><table class="wide">'
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _job(index: Index, formats: Sequence[str]) -> str:
    if (head := index.head) is None:
        return ""
    address = escaped(Wanted(job=index.id).address())
    played = sum(len(row.played) for row in index.rows.values())
    odd = f"; {index.unreadable:,} lines cannot be read" if index.unreadable else ""
    cells = "".join(f"<td>{_success(index, name)}</td>" for name in formats)
    return (
        f'<tr><th scope="row"><a href="{address}">{escaped(head.suite)}</a> {escaped(head.profile)}'
        f'<br><span class="dim">{escaped(index.name)}</span></th>'
        f"<td>{escaped(head.model)}</td>{cells}<td>{played:,} of {head.episodes:,}{odd}</td></tr>"
    )


def _success(index: Index, actions: str) -> str:
    """`61/82 = 74.4 % (64.0 to 82.6)`: of those that were judged, with Wilson's interval."""
    by_task: dict[str, list[bool]] = {}
    for row in index.rows.values():
        played = row.played.get(actions)
        if played is not None and played.end != "broken":
            by_task.setdefault(row.task, []).append(played.end == "solved")
    total, solved = sum(map(len, by_task.values())), sum(map(sum, by_task.values()))
    if not total:
        return NONE
    interval = share_interval(list(by_task.values()))
    between = f"{100 * interval.low:.1f} to {100 * interval.high:.1f}"
    return f'{solved}/{total} = {100 * solved / total:.1f} % <span class="dim">({between})</span>'


def _form(jobs: Sequence[Index], wanted: Wanted) -> str:
    heads = [index.head for index in jobs if index.head is not None]
    played = [each for index in jobs for row in index.rows.values() for each in row.played.values()]
    files = {index.id: index.name for index in jobs}
    fields = (
        _choice("job", "File", files, wanted.job) if len(files) > 1 else "",
        _choice("suite", "Suite", _same(head.suite for head in heads), wanted.suite),
        _choice("model", "Model", _same(head.model for head in heads), wanted.model),
        _choice("actions", "Format", _same(formats_of(jobs)), wanted.actions),
        _choice("domain", "Domain", _same(each.domain for each in played), wanted.domain),
        _choice("end", "Outcome", _ENDS, wanted.end),
        _choice("failure", "Failure", _same(_kinds_of(played)), wanted.failure),
        f'<label>Task<input name="task" value="{escaped(wanted.task)}" maxlength="{LONGEST}" '
        'placeholder="a part, or a pattern with *"></label>',
    )
    return (
        f'<form method="get" action="/results" class="filters" role="search" aria-label="Episodes">{"".join(fields)}'
        '<button type="submit" class="primary">Show</button><a href="/results">Show all</a></form>'
    )


def _same(names: Iterator[str] | Sequence[str]) -> dict[str, str]:
    found = dict.fromkeys(name for name in names if name)
    return {name: name for name in list(found)[:MOST_CHOICES]}


def _choice(name: str, label: str, choices: dict[str, str], chosen: str) -> str:
    def option(value: str, text: str) -> str:
        selected = " selected" if value == chosen else ""
        return f'<option value="{escaped(value)}"{selected}>{escaped(text)}</option>'

    if len(choices) < 2 and not chosen:
        return ""
    lost = {chosen: chosen} if chosen and chosen not in choices else {}
    options = "".join(option(value, text) for value, text in {"": "all", **choices, **lost}.items())
    return f'<label>{label}<select name="{name}">{options}</select></label>'


def _episodes(rows: Sequence[Found], wanted: Wanted) -> str:
    if not rows:
        return '<p class="empty">No episode is as wanted.</p>'
    last = -(-len(rows) // PAGE)
    page = min(wanted.page, last)
    shown = rows[(page - 1) * PAGE : page * PAGE]
    jobs = list({found.file.id: found.file for found in rows}.values())
    formats = [wanted.actions] if wanted.actions else formats_of(jobs)
    heads = ["task", "seed", *(["of"] if len(jobs) > 1 else []), *formats]
    head = "".join(f'<th scope="col">{escaped(name)}</th>' for name in heads)
    body = "".join(_row(found, formats, wanted, several=len(jobs) > 1) for found in shown)
    return (
        f'<p class="dim">{len(rows):,} tasks and seeds</p><div class="table whole" tabindex="0" role="region" '
        f'aria-label="Episodes"><table class="wide"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
        f"{_pages(page, last, wanted)}"
    )


def _kinds(rows: Sequence[Found], wanted: Wanted) -> str:
    """What went wrong in the episodes that are as wanted; each number leads to its episodes."""
    fitting = [played for found in rows for played in found.row.played.values() if wanted.has(played)]
    counts = Counter((played.failure, played.key.actions) for played in fitting if played.failure)
    if not counts:
        return ""
    formats = [name for name in formats_of([found.file for found in rows]) if any(name == at for _, at in counts)]
    kinds = _kinds_of(fitting)
    heads = "".join(f'<th scope="col">{escaped(name)}</th>' for name in ("what went wrong", *kinds))

    def cell(kind: str, actions: str) -> str:
        address = escaped(wanted.address(failure=kind, actions=actions, page=1))
        count = counts[kind, actions]
        return f'<td><a href="{address}">{count:,}</a></td>' if count else f'<td class="dim">{NONE}</td>'

    body = "".join(
        f'<tr><th scope="row">{escaped(actions)}</th>{"".join(cell(kind, actions) for kind in kinds)}</tr>'
        for actions in formats
    )
    return (
        '<div class="table kinds" tabindex="0" role="region" aria-label="What went wrong"><table>'
        f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _kinds_of(played: Sequence[Played]) -> list[str]:
    """The kinds of failure that there are, in the order in which they are explained."""
    there = {each.failure for each in played}
    return [kind for kind in FAILURES if kind in there]


def _row(found: Found, formats: Sequence[str], wanted: Wanted, *, several: bool) -> str:
    index, row = found.file, found.row
    name = row.task if len(row.task) <= LONGEST else f"{row.task[: LONGEST - 1]}…"
    of = f"{index.head.suite} · {index.head.model}" if index.head else ""
    job = f"<td>{escaped(of)}</td>" if several else ""
    cells = "".join(f"<td>{end_of(row.played.get(actions))}</td>" for actions in formats)
    address = escaped(wanted.address(f"/results/{index.id}/{row.id}"))
    return f'<tr><th scope="row"><a href="{address}">{escaped(name)}</a></th><td>{row.seed}</td>{job}{cells}</tr>'


def end_of(played: Played | None) -> str:
    if played is None:
        return NONE
    if played.end == "broken":
        return '<span class="end broken">broken</span>'
    turns = f"{played.turns} turn{'' if played.turns == 1 else 's'}"
    if played.end == "solved":
        return f'<span class="end solved">✓ solved</span>, {turns}'
    return f'<span class="end failed">✗ {escaped(played.failure)}</span>, {turns}'


def _pages(page: int, last: int, wanted: Wanted) -> str:
    if last == 1:
        return ""
    before = f'<a rel="prev" href="{escaped(wanted.address(page=page - 1))}">Earlier</a>' if page > 1 else ""
    after = f'<a rel="next" href="{escaped(wanted.address(page=page + 1))}">Later</a>' if page < last else ""
    return f'<nav class="pages" aria-label="Pages">{before}<span>{page} of {last}</span>{after}</nav>'


def formats_of(jobs: Sequence[Index]) -> list[str]:
    """In the order in which the jobs name them, which is how they were compared."""
    return list(dict.fromkeys(name for index in jobs if index.head for name in index.head.actions))
