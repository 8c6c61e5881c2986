"""A connection to a file of SQLite, as one thread uses it; and its failures in words."""

from __future__ import annotations

import math
import os
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from codeact.errors import NotFoundError, ServiceError, SetupError, StoreError
from codeact.server.store.work import Dialect, Rows, Statement, Work, fit, too_long, unfit

MEMORY: Final = ":memory:"

_OLDEST: Final = (3, 35)  # the first that has RETURNING
_STEPS: Final = 1000  # of SQLite's own, between two looks at the time
_PAUSE: Final = 0.002  # seconds between tries
_LOG: Final = 64 * 2**20  # bytes; a log that one large value has made longer is cut back to this

# Leases end by the time since this machine was started, which no change of its clock moves; a restart ends them all.
_DIALECT: Final = Dialect(
    {
        "clock": "this_boot()",
        "now": "uptime()",
        "find": "instr",
        "locked": "",  # who writes is alone
        "say": "",
        "bytes": "BLOB",
        "counter": "INTEGER PRIMARY KEY",
        "tables": "sqlite_master WHERE type = 'table' AND name NOT GLOB 'sqlite_*'",
    }
)
_WORDS: Final = {
    sqlite3.SQLITE_BUSY: "is locked by another program",
    sqlite3.SQLITE_LOCKED: "is locked by another program",
    sqlite3.SQLITE_READONLY: "is read-only",
    sqlite3.SQLITE_PERM: "may not be opened by this user",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened; it has to be a file in a folder that may be written into",
    sqlite3.SQLITE_FULL: "has no room left on its disk",
    sqlite3.SQLITE_IOERR: "cannot be read or written; its disk may be full or failing",
    sqlite3.SQLITE_CORRUPT: "is damaged; remedy: bring back a copy of it, or name another file",
    sqlite3.SQLITE_NOTADB: "is no database of SQLite; remedy: name another file",
    sqlite3.SQLITE_TOOBIG: "cannot hold a single value of this size",
}


@dataclass(slots=True)
class Job:
    """Work that somebody waits for, and what came of it."""

    work: Work[Any]
    value: Any = None
    error: Exception | None = None
    done: bool = False


class SqliteFile:
    """Never used by two threads at once. `patience`: seconds, for other processes' locks. `most`: seconds for a job."""

    def __init__(self, path: str, patience: float, *, writes: bool, most: float = math.inf) -> None:
        self._path = path
        self._patience = patience
        self._most = most
        self._deadline = math.inf  # of the job that is carried out
        self._begin = "BEGIN IMMEDIATE" if writes else "BEGIN"
        self._handled = _PAUSE if writes else patience  # what SQLite waits by itself: see `_patiently`
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None  # None in memory

    def open(self) -> None:
        """Raises `SetupError` for an old SQLite, and `StoreError` where the file cannot be used."""
        if sqlite3.sqlite_version_info < _OLDEST:
            raise SetupError(f"the store needs SQLite 3.35 or later; this Python has {sqlite3.sqlite_version}")
        try:
            if self._path != MEMORY:
                _make(Path(self._path))
            self._connection = sqlite3.connect(
                self._path, timeout=self._handled, isolation_level=None, check_same_thread=False
            )
            self._prepare(self._connection)
            self._identity = None if self._path == MEMORY else _identity(self._path)
        except sqlite3.Error as error:
            raise self._failed(error) from error
        except OSError as error:
            raise StoreError(f"{self._name} cannot be opened: {error.strerror or error}") from error

    def close(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):  # what was acknowledged is in the log already
                self._connection.close()
            self._connection = None

    def carry_out(self, jobs: Sequence[Job]) -> None:
        """All in one transaction. What goes wrong within one job is that job's error alone."""
        try:
            self._require_same_file()
            self._patiently(self._begin)
            for job in jobs:
                self._one(job)
            self._run(Statement("COMMIT"))
        except Exception as error:  # noqa: BLE001 -- raised again by all who brought a job, each its own
            for job in jobs:
                job.error = job.error or self._failed(error)
        finally:
            for job in jobs:
                job.done = True
            self._roll_back()

    def _one(self, job: Job) -> None:
        self._run(Statement("SAVEPOINT job"))
        try:
            self._deadline = time.monotonic() + self._most
            job.value = self._steps(job.work)
        except Exception as error:  # raised again by whoever brought the job
            if not self._open.in_transaction:  # SQLite has taken back all of it, as it does where a disk is full
                raise
            self._run(Statement("ROLLBACK TO job"))
            self._deadline = math.inf
            job.error = self._failed(error) if isinstance(error, sqlite3.Error | OverflowError) else error
        self._deadline = math.inf
        self._run(Statement("RELEASE job"))

    def _steps(self, work: Work[Any]) -> Any:
        steps = work()
        try:
            statement = next(steps)
            while True:
                statement = steps.send(self._run(statement))
        except StopIteration as end:
            return end.value

    def _run(self, statement: Statement) -> Rows:
        sql = _DIALECT.written(statement.sql)
        with closing(self._open.cursor()) as cursor:
            if statement.many is not None:
                cursor.executemany(sql, map(fit, statement.many))
                return ()
            return [unfit(row) for row in cursor.execute(sql, fit(statement.values))]

    @property
    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            raise StoreError(f"{self._name} has been closed")
        return self._connection

    def _roll_back(self) -> None:
        with suppress(sqlite3.Error, StoreError):
            if self._open.in_transaction:
                self._open.execute("ROLLBACK")

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.create_function("uptime", 0, _uptime)
        connection.create_function("this_boot", 0, _this_boot)
        if self._most < math.inf:
            connection.set_progress_handler(lambda: time.monotonic() > self._deadline, _STEPS)
        self._patiently("PRAGMA journal_mode=WAL")
        for pragma in ("synchronous=FULL", "foreign_keys=ON", f"journal_size_limit={_LOG}"):
            connection.execute(f"PRAGMA {pragma}")

    def _patiently(self, sql: str) -> None:
        """For what meets other processes. SQLite itself does not wait where two turn to the log at once, and elsewhere
        so long between its tries (0.1 s) that it seldom finds the moment between two transactions of a busy neighbour.
        """
        deadline = time.monotonic() + self._patience
        while True:
            try:
                self._open.execute(sql)
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
            time.sleep(_PAUSE)

    def _require_same_file(self) -> None:
        """SQLite goes on writing into a file that has lost its name, and nobody would ever read it again."""
        if self._identity is None:
            return
        with suppress(OSError):
            if _identity(self._path) == self._identity:
                return
        raise StoreError(f"{self._name} has been removed or replaced; remedy: put it back, or start the service again")

    @property
    def _name(self) -> str:
        return "the database in memory" if self._path == MEMORY else f"the database {self._path!r}"

    def _failed(self, error: Exception) -> ServiceError:
        failure = self._worded(error)
        failure.__cause__ = error
        return failure

    def _worded(self, error: Exception) -> ServiceError:
        match error:
            case StoreError():
                return StoreError(str(error))
            case sqlite3.OperationalError(sqlite_errorcode=sqlite3.SQLITE_INTERRUPT):
                return too_long(self._most)
            case OverflowError():
                code = sqlite3.SQLITE_TOOBIG
            case _:
                code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK)
        if code == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
            return NotFoundError("there is no such chat")
        words = _WORDS.get(code & 0xFF)  # the rest says where in SQLite it was noticed
        return StoreError(f"{self._name} {words}" if words else f"{self._name} failed: {error}")


def _make(path: Path) -> None:
    """Before SQLite does, because a chat is nobody else's business; what SQLite puts beside it has the same rights."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def _identity(path: str) -> tuple[int, int]:
    state = Path(path).stat()
    return state.st_dev, state.st_ino


def _uptime() -> float:
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def _this_boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:  # not Linux
        return ""
