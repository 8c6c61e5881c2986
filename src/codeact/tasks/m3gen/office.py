"""Generated mail, log and shop tasks: the three domains that the original does not have."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from dataclasses import dataclass, field
from typing import TypedDict

from codeact.tasks.answers import CENTS, Expected, reached
from codeact.tasks.base import Environment
from codeact.tasks.m3gen.dial import Dial, Draft, draft
from codeact.tasks.naming import words
from codeact.tools import ToolSource

# --- calendar and mail ----------------------------------------------------------------------------


class Attendee(TypedDict):
    name: str
    accepted: bool


class Meeting(TypedDict):
    title: str
    day: str
    room: str
    attendees: list[Attendee]


@dataclass(slots=True)
class Office:
    """A calendar and an outbox. Its goal is that exactly these mails have been sent."""

    calendar: Sequence[Meeting]
    wanted: frozenset[tuple[str, str]]  # recipient and room
    more: Sequence[ToolSource] = ()
    sent: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    def find_meeting(self, title: str) -> Meeting:
        """A meeting of the calendar by its title."""
        for meeting in self.calendar:
            if meeting["title"] == title:
                return meeting
        raise ValueError(
            f"there is no meeting {title!r}; there are: {', '.join(one['title'] for one in self.calendar)}"
        )

    def send_mail(self, to: str, text: str) -> str:
        """Send a mail to a person, by name."""
        self.sent.append((to, text.strip()))
        return f"sent to {to}"

    @property
    def tools(self) -> Sequence[ToolSource]:
        return self.find_meeting, self.send_mail, *self.more

    @property
    def succeeded(self) -> bool:
        return len(self.sent) == len(self.wanted) and frozenset(self.sent) == self.wanted


def mail(rng: random.Random, dial: Dial) -> Draft:
    """Tell people the room. Branching: only those who have accepted. The world judges, by its outbox."""
    titles, receivers = words(rng, dial.size, 8), words(rng, max(dial.calls - 1, 1))
    others = words(rng, max(dial.calls // 2, 1), 5) if dial.branching else []
    attendees = [Attendee(name=name, accepted=True) for name in receivers]
    attendees += [Attendee(name=name, accepted=False) for name in others]
    rng.shuffle(attendees)
    calendar = [
        Meeting(
            title=title, day=f"2031-05-{rng.randint(1, 28):02}", room=f"{rng.getrandbits(24):06x}", attendees=attendees
        )
        for title in titles
    ]
    meeting = rng.choice(calendar)
    if dial.calls == 1:
        return Draft(
            prompt=f"In which room is the meeting {meeting['title']}?",
            program=f'result = find_meeting("{meeting["title"]}")["room"]',
            open=lambda more: _office(lambda: Office(calendar, frozenset(), more)),
            judge=Expected(meeting["room"]),
        )
    who = "each attendee who has accepted it, and nobody else," if dial.branching else "each attendee"
    wanted = frozenset((name, meeting["room"]) for name in receivers)
    condition = ' if attendee["accepted"]' if dial.branching else ""
    return Draft(
        prompt=f"Send {who} of the meeting {meeting['title']} one mail whose text is its room and nothing else. "
        "Then answer: done",
        program=f"""\
meeting = find_meeting("{meeting["title"]}")
for name in [attendee["name"] for attendee in meeting["attendees"]{condition}]:
    send_mail(name, meeting["room"])
result = "done\"""",
        open=lambda more: _office(lambda: Office(calendar, wanted, more)),
        judge=reached,
    )


def _office(make: Callable[[], Office]) -> Callable[[str], AbstractAsyncContextManager[Environment]]:
    @asynccontextmanager
    async def open_office(actions: str) -> AsyncGenerator[Environment]:
        yield make()

    return open_office


# --- files and logs -------------------------------------------------------------------------------


def logs(rng: random.Random, dial: Dial) -> Draft:
    """How often a text stands in each of some log files. Branching: only in those of one host, which the listing says."""
    host, other = words(rng, 2, 5)
    needle = f"E{rng.randint(1000, 9999)}"
    files = words(rng, max(dial.calls - 1, 1) + (2 if dial.branching else 0))
    hosts = dict.fromkeys(files, host)
    if dial.branching:
        hosts.update(dict.fromkeys(rng.sample(files, 2), other))
    shares = {name: rng.random() for name in files}  # so that a number cannot be guessed
    lines = {name: [needle if rng.random() < shares[name] else "ok" for _ in range(40 * dial.size)] for name in files}

    def list_logs() -> list[tuple[str, str]]:
        """The name and the host of every log file."""
        return [(name, hosts[name]) for name in files]

    def read_log(name: str) -> str:
        """All lines of a log file."""
        return "\n".join(f"{number:04} {line}" for number, line in enumerate(_lines_of(name), 1))

    def count_lines(name: str, text: str) -> int:
        """How many lines of a log file have a text in them."""
        return sum(text in line for line in _lines_of(name))

    def _lines_of(name: str) -> list[str]:
        if name not in lines:
            raise ValueError(f"there is no log file {name!r}")
        return lines[name]

    counts = [[name, lines[name].count(needle)] for name in files if hosts[name] == host]
    listing = f'[name for name, host in list_logs() if host == "{host}"]'
    which = f"each log file of the host {host}" if dial.branching else "each log file"
    if dial.calls == 1:  # the file is named, so there is nothing to list
        counts = counts[:1]
        listing, which = f'["{counts[0][0]}"]', f"the log file {counts[0][0]}"
    return draft(
        f"How many lines of {which} have {needle} in them? Answer with a list of pairs, [name, number], in the order of "
        "the listing.",
        f'result = [[name, count_lines(name, "{needle}")] for name in {listing}]',
        counts,
        lambda: (list_logs, read_log, count_lines),
    )


# --- shops with a database ------------------------------------------------------------------------


def shops(rng: random.Random, dial: Dial) -> Draft:
    """The highest takings of some shops, by SQL. Branching: the lowest that are over a limit."""
    names = words(rng, dial.calls)
    kind, other = words(rng, 2, 4)
    sales = {
        name: [
            (rng.choice([kind, other]), rng.randint(1, 9), rng.randint(100, 9999) / 100) for _ in range(10 * dial.size)
        ]
        for name in names
    }
    limit = 1250 * dial.size  # about what a shop takes

    def query(shop: str, sql: str) -> list[tuple[str | int | float | None, ...]]:
        """Ask a shop's database by SQL (SQLite). It has one table: sales(kind TEXT, amount INTEGER, price REAL)."""
        if shop not in sales:
            raise ValueError(f"there is no shop {shop!r}")
        with closing(sqlite3.connect(":memory:")) as database:
            database.execute("CREATE TABLE sales (kind TEXT, amount INTEGER, price REAL)")
            database.executemany("INSERT INTO sales VALUES (?, ?, ?)", sales[shop])
            _confine(database)
            return database.execute(sql).fetchmany(MOST_ROWS)

    def takings(name: str) -> float:
        return sum(amount * price for sold, amount, price in sales[name] if sold == kind)

    totals = list(map(takings, names))
    over = [total for total in totals if dial.branching and total > limit]
    asked = f"highest takings with {kind}"
    if dial.branching:
        asked = f"lowest takings with {kind} that are over {limit} (if there are none: the highest)"
    sql = f"SELECT sum(amount * price) FROM sales WHERE kind = '{kind}'"  # noqa: S608 -- of our own words
    picked = f"min([total for total in totals if total > {limit}], default=max(totals))"
    return draft(
        f"A shop's takings with a kind of goods are the sum of amount times price of its sales of them. What are the "
        f"{asked} among the shops {', '.join(names)}?",
        f'totals = [query(name, "{sql}")[0][0] or 0 for name in {names}]\n'
        f"result = {picked if dial.branching else 'max(totals)'}",
        min(over, default=max(totals)),
        lambda: (query,),
        CENTS,
    )


MOST_ROWS = 100
MOST_STEPS = 5_000_000  # of SQLite's machine
_READING = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}


def _confine(database: sqlite3.Connection) -> None:
    """From here on a statement may read, within bounds: it is a model's, and it runs in the host."""
    database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 100_000)  # bytes of a value, and of the statement
    database.set_authorizer(_may_read)
    database.set_progress_handler(lambda: True, MOST_STEPS)  # called when they are used up: ends the query


def _may_read(action: int, *of_what: object) -> int:
    return sqlite3.SQLITE_OK if action in _READING else sqlite3.SQLITE_DENY
