"""Which episodes somebody wants to see: what stands in the address of the list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from fnmatch import fnmatchcase
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from codeact.server.page.results.index import Index, Played, Row

LONGEST: Final = 100  # characters of a filter
PAGE: Final = 50  # rows
_NAMES: Final = ("job", "suite", "model", "actions", "domain", "task", "end", "failure")


class Found(NamedTuple):
    """A row, and the file that it is of."""

    file: Index
    row: Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Filters, each empty for all. Of a row, one episode has to fit them all."""

    job: str = ""  # a file, by its id
    suite: str = ""
    model: str = ""
    actions: str = ""
    domain: str = ""
    task: str = ""  # a part of the name, or a pattern with * and ?
    end: str = ""
    failure: str = ""
    page: int = 1

    @staticmethod
    def of(query: Mapping[str, str]) -> Wanted:
        page = query.get("page", "")
        number = int(page) if page.isascii() and page.isdecimal() and len(page) < 9 else 1
        return Wanted(**{name: query.get(name, "")[:LONGEST] for name in _NAMES}, page=max(1, number))

    def address(self, path: str = "/results", **changes: Any) -> str:
        """Of a page with these filters, some of them changed."""
        said = {name: value for name, value in asdict(replace(self, **changes)).items() if value}
        if said.get("page") == 1:
            del said["page"]
        return f"{path}?{urlencode(said, errors='replace')}" if said else path

    def fits(self, index: Index) -> bool:
        head = index.head
        return (
            head is not None
            and self.job in ("", index.id)
            and self.suite in ("", head.suite)
            and self.model in ("", head.model)
        )

    def has(self, played: Played) -> bool:
        """Whether an episode is as wanted; its file and its task are for others to look at."""
        return (
            self.actions in ("", played.key.actions)
            and self.domain in ("", played.domain)
            and self.end in ("", played.end)
            and self.failure in ("", played.failure)
        )


def found(jobs: Sequence[Index], wanted: Wanted) -> list[Found]:
    """The rows that fit, in the order of the files."""
    return list(_fitting(jobs, wanted))


def _fitting(jobs: Sequence[Index], wanted: Wanted) -> Iterator[Found]:
    pattern = wanted.task if set("*?[") & set(wanted.task) else f"*{wanted.task}*"
    for index in filter(wanted.fits, jobs):
        for row in index.rows.values():
            named = not wanted.task or wanted.task == row.task or fnmatchcase(row.task, pattern)
            if named and any(map(wanted.has, row.played.values())):
                yield Found(index, row)
