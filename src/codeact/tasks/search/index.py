"""`wikipedia_search` over a given corpus: a full-text index (FTS5 of SQLite, ranked by BM25) in the host.

The index is built once for a suite, as the bytes of a database; an episode opens a copy that can only be read, and
closes it. So nothing is left behind, and no episode can change what another one finds. The price is memory: as much
again for each episode that is going on, which is nothing for a million words and too much for a whole Wikipedia.
"""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Generator, Iterable
from contextlib import closing, contextmanager
from dataclasses import dataclass

from codeact.errors import SetupError
from codeact.tools import ToolSource, tool

QUERY = 300  # characters of a query that count, as in the paper's tool
PAGES = 3  # in a result
LONGEST = 1000  # characters of a page's text in a result

_WORD = re.compile(r"\w+")
_TABLE = "CREATE VIRTUAL TABLE pages USING fts5(title, text, tokenize='porter unicode61 remove_diacritics 2')"
# A page whose title is the query comes first, as Wikipedia itself has it; a title's words weigh as much as four others.
_BEST = """
    SELECT title, text FROM pages WHERE pages MATCH ?
    ORDER BY lower(title) = ? DESC, bm25(pages, 4.0, 1.0), rowid LIMIT ?"""


@dataclass(frozen=True, slots=True)
class Page:
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Index:
    """The pages of a corpus, ready to be searched."""

    image: bytes  # of the database

    @contextmanager
    def open(self) -> Generator[Encyclopedia]:
        """The search of one episode."""
        with closing(sqlite3.connect(":memory:", check_same_thread=False)) as database:
            database.deserialize(self.image)
            database.execute("PRAGMA query_only = 1")
            encyclopedia = Encyclopedia(database)
            yield encyclopedia
            with encyclopedia.asking:  # a call may still be at it, in a thread of its own
                database.close()


def index(pages: Iterable[Page]) -> Index:
    """Build it.

    Raises:
        SetupError: this Python's SQLite has no full-text search.
    """
    with closing(sqlite3.connect(":memory:")) as database:
        try:
            database.execute(_TABLE)
        except sqlite3.OperationalError as error:
            raise SetupError(
                f"the suite 'search' needs SQLite with FTS5, and this Python's has none: {error}"
            ) from error
        database.executemany("INSERT INTO pages VALUES (?, ?)", ((page.title, page.text) for page in pages))
        database.execute("INSERT INTO pages(pages) VALUES ('optimize')")
        database.commit()
        return Index(database.serialize())


class Encyclopedia:
    """An open index. It may be asked from any thread."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self.asking = threading.Lock()

    def best(self, query: str, most: int = PAGES) -> list[Page]:
        """The pages that fit a query best. Only words count: what FTS5 takes for operators is left out."""
        cut = query[:QUERY]
        words = dict.fromkeys(_WORD.findall(cut.casefold()))
        if not words:
            return []
        wanted = " OR ".join(f'"{word}"' for word in words)
        with self.asking:
            rows = self._database.execute(_BEST, (wanted, cut.strip().lower(), most)).fetchall()
        return [Page(*row) for row in rows]

    def search(self, query: str) -> str:
        """What a model sees of them."""
        found = [f"Page: {page.title}\nSummary: {page.text[:LONGEST]}" for page in self.best(query)]
        return "\n\n".join(found) or "No page was found."

    def tool(self) -> ToolSource:
        @tool(read_only=True)
        def wikipedia_search(query: str) -> str:
            """The pages of an encyclopedia that fit a query best, each as "Page: title" and "Summary: text"."""
            return self.search(query)

        return wikipedia_search
