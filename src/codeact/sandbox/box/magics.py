"""Magics that differ from IPython's own, which assume a terminal, an event loop in a thread, or a network.

%%time                      its code is a cell like any other: errors name its lines, `await` works
%%bash, %%script, … --out   no thread is left behind, which a fork could not copy; output comes as it is printed
%pip, !pip                  refused at once where there is no network, instead of retrying for a minute
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

_INTERPRETERS = {
    **{name: [name] for name in ("bash", "sh", "perl", "ruby")},
    **{name: [sys.executable] for name in ("python", "python3")},
    "script": [],
}
_FETCHING = frozenset(["install", "download", "wheel", "index", "search"])  # commands of pip
_PIP = re.compile(r"^\s*(?:python3?\s+-m\s+|\S*/python3?\s+-m\s+)?pip3?\s+(?P<line>.*)$", re.DOTALL)
_NO_NETWORK = (
    "this session has no network, so pip cannot fetch packages. Use what is installed (`%pip list` shows it) or the "
    "standard library; if the task cannot be done without {names}, say so in your answer"
)


class Host(Protocol):
    """What the magics need of the shell."""

    user_ns: dict[str, Any]

    def flush(self) -> None: ...

    def run_cell(self, raw_cell: str) -> Any: ...

    def register_magic_function(self, func: Any, magic_kind: str, magic_name: str) -> None: ...


def register(shell: Any) -> None:
    """Put ours in the place of IPython's."""
    host: Host = shell
    for name, command in _INTERPRETERS.items():
        host.register_magic_function(_script(host, command), "cell", name)
    plain: Callable[[str, str], Any] = shell.find_cell_magic("time")
    host.register_magic_function(_timed(host, plain), "cell", "time")
    host.register_magic_function(_pip(host), "line", "pip")


def refuse_to_fetch(command: str) -> None:
    """Raises RuntimeError for a shell command that would have pip fetch something where there is no network."""
    if not (found := _PIP.match(command)) or not offline():
        return
    try:
        words = shlex.split(found["line"])
    except ValueError:  # a quote that is not closed, which is for the shell to say
        return
    names = [word for word in words[1:] if not word.startswith("-") and not Path(word).exists()]
    if words and words[0] in _FETCHING and names and "--no-index" not in words:
        raise RuntimeError(_NO_NETWORK.format(names=", ".join(names[:5])))


def offline() -> bool:
    """Whether there is no way out of this box: no route, and no proxy to which pip would turn."""
    try:
        if any(name.lower().endswith("_proxy") for name in os.environ):
            return False
        return _routes() < 1
    except OSError:  # not to be told here; then let pip find out
        return False


def _routes() -> int:
    try:
        return len(Path("/proc/net/route").read_text().strip().splitlines()) - 1  # its first line is a heading
    except FileNotFoundError:  # no /proc; the loopback is always there, and leads nowhere
        return len(socket.if_nameindex()) - 1


def _timed(shell: Host, plain: Callable[[str, str], Any]) -> Callable[[str, str], Any]:
    def magic(line: str, cell: str) -> Any:
        if line.strip():  # options, or a statement on the line itself
            return plain(line, cell)
        wall, processor = time.perf_counter(), time.process_time()
        try:
            shell.run_cell(cell)
        finally:
            used = time.process_time() - processor
            print(f"CPU time: {_seconds(used)}\nWall time: {_seconds(time.perf_counter() - wall)}")  # noqa: T201
        return None

    return magic


def _seconds(amount: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if amount >= size:
            return f"{amount / size:.3g} {unit}"
    return f"{amount / 1e-6:.3g} µs"


def _pip(shell: Host) -> Callable[[str], None]:
    def magic(line: str) -> None:
        refuse_to_fetch(f"pip {line}")
        shell.flush()
        shell.user_ns["_exit_code"] = subprocess.call([sys.executable, "-m", "pip", *shlex.split(line)])

    return magic


def _script(shell: Host, command: list[str]) -> Callable[[str, str], None]:
    options = argparse.ArgumentParser(prog="%%script", add_help=False, allow_abbrev=False, exit_on_error=False)
    for name in ("--out", "--err", "--proc"):
        options.add_argument(name)
    options.add_argument("--bg", action="store_true")
    options.add_argument("--no-raise-error", dest="check", action="store_false")

    def magic(line: str, cell: str) -> None:
        given, words = options.parse_known_args(shlex.split(line))
        shell.flush()
        process = subprocess.Popen(
            [*command, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if given.out else None,
            stderr=subprocess.PIPE if given.err else None,
        )
        if given.bg:
            _leave(process, cell)
            shell.user_ns.update({given.proc: process} if given.proc else {})
            return
        with process:
            out, err = _communicate(process, cell)
        for name, data in ((given.out, out), (given.err, err)):
            if name:
                shell.user_ns[name] = data.decode("utf-8", "replace")
        if process.returncode and given.check:
            raise subprocess.CalledProcessError(process.returncode, " ".join([*command, *words]))

    return magic


def _communicate(process: subprocess.Popen[bytes], cell: str) -> tuple[bytes, bytes]:
    try:
        return process.communicate(cell.encode("utf-8", "replace"))
    except BaseException:  # an interrupt; a script must not go on unseen
        process.kill()
        raise


def _leave(process: subprocess.Popen[bytes], cell: str) -> None:
    """Let a script run in the background; what it prints comes as late output."""
    if process.stdin is not None:
        process.stdin.write(cell.encode("utf-8", "replace"))
        process.stdin.close()
