"""A PostgreSQL server of the tests' own: Debian's programs, a temporary folder, an unprivileged user."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Literal
from urllib.parse import quote

MISSING = "needs PostgreSQL's server (scripts/install_postgres.sh) and the package psycopg"

_ROOT = os.getuid() == 0  # the server does not run as root
_SETTINGS = "-c listen_addresses= -c max_connections=40 -c shared_buffers=16MB -c autovacuum=off -c fsync=off"
_DOORS = "local all guarded scram-sha-256\nlocal all all trust\n"


def programs() -> Path | None:
    """Where they are, with what our side needs; Debian keeps them out of the path."""
    found = shutil.which("initdb")
    places = [Path(found).resolve().parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    here = [place for place in places if (place / "initdb").exists() and find_spec("psycopg")]
    return here[-1] if here else None


class PostgresServer:
    """Started and stopped any number of times. `with PostgresServer(programs) as server:`."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self.folder = Path(tempfile.mkdtemp(prefix="codeact-pg-"))  # short, as the path of a socket has to be

    def __enter__(self) -> PostgresServer:
        if _ROOT:
            shutil.chown(self.folder, "nobody")
        self._run("initdb", "--pgdata=data", "--username=codeact", "--auth=trust", "--encoding=UTF8", "--no-sync")
        (self.folder / "data/pg_hba.conf").write_text(_DOORS)
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop("immediate")
        shutil.rmtree(self.folder)

    def start(self) -> None:
        self._run("pg_ctl", "start", "-w", "-D", "data", "-l", "log", "-o", f"{_SETTINGS} -k {self.folder}")

    def stop(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """`fast` sends everybody away; `immediate` is a crash."""
        self._run("pg_ctl", "stop", "-w", "-D", "data", "-m", mode)

    def execute(self, sql: str, database: str = "postgres") -> str:
        return self._run("psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", sql, self.address(database))

    def address(self, database: str, *, user: str = "codeact", password: str = "") -> str:
        door = f"{user}:{quote(password, safe='')}" if password else user
        return f"postgresql://{door}@/{database}?host={quote(str(self.folder), safe='')}"

    def _run(self, program: str, *arguments: str) -> str:
        done = subprocess.run(
            [self._programs / program, *arguments],
            cwd=self.folder,
            user="nobody" if _ROOT else None,
            env={"PATH": str(self._programs), "LC_ALL": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=100,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout.strip()
