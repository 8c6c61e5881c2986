"""A game of ALFWorld in a process of its own: the engine has native code and global state, and may die or hang."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import anyio
from anyio import to_thread

from codeact.errors import MissingExtraError, SandboxError
from codeact.tasks.base import Environment
from codeact.tasks.household.world import Robot, Verb

PROGRAM = Path(__file__).with_name("game.py")
START = 120.0  # seconds to import the engine and load a game: 3 on an idle machine
STEP = 40.0  # seconds for a command, milliseconds as a rule; less than a tool may take, so that this limit is hit first
TOLD = 400  # characters of what a dead process said last

COMMANDS: dict[Verb, tuple[str, ...]] = {
    "put": ("put {} in/on {}", "move {} to {}"),  # ALFWorld's older games, and its newer
    "goto": ("go to {}",),
    "take": ("take {} from {}",),
    "open": ("open {}",),
    "close": ("close {}",),
    "toggle": ("toggle {}", "use {}"),  # the games know no `toggle`
    "clean": ("clean {} with {}",),
    "heat": ("heat {} with {}",),
    "cool": ("cool {} with {}",),
    "use": ("use {}",),
    "look": ("look",),
}


@dataclass(slots=True)
class Game:
    """One game. Its methods block and are called from one thread at a time."""

    process: subprocess.Popen[bytes]
    said: Path  # what the process writes on its standard error
    told: str = ""
    won: bool = False

    def begin(self) -> None:
        """Wait until the game is loaded.

        Raises:
            SandboxError: it is not.
        """
        opening = self._heard(START)
        self.told = opening[opening.find("You are in") :].strip()  # without TextWorld's welcome

    def act(self, verb: Verb, *names: str) -> str:
        assert self.process.stdin is not None
        commands = [form.format(*names) for form in COMMANDS[verb]]
        try:
            self.process.stdin.write(json.dumps(commands).encode() + b"\n")
        except OSError as error:
            raise SandboxError(self._gone()) from error
        return self._heard(STEP)

    def close(self) -> None:
        """End the process; it also ends when this one does, by its standard input."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()

    def _heard(self, limit: float) -> str:
        try:
            heard = cast("dict[str, Any]", json.loads(self._line(limit)))
            self.won = self.won or bool(heard["won"])
            return str(heard["seen"]).strip()
        except (ValueError, KeyError) as error:
            raise SandboxError(f"the game of ALFWorld has said what is no answer: {error}") from error

    def _line(self, limit: float) -> bytes:
        assert self.process.stdout is not None
        line, end = b"", time.monotonic() + limit
        with selectors.DefaultSelector() as ready:
            ready.register(self.process.stdout, selectors.EVENT_READ)
            while not line.endswith(b"\n"):
                if not ready.select(max(0.0, end - time.monotonic())):
                    self.process.kill()
                    self.process.wait()
                    raise SandboxError(f"the game of ALFWorld has not answered for {limit:g} seconds")
                more = os.read(self.process.stdout.fileno(), 1 << 16)
                if not more:
                    raise SandboxError(self._gone())
                line += more
        return line

    def _gone(self) -> str:
        last = self.said.read_text(encoding="utf-8", errors="replace")[-TOLD:].strip()
        return f"the process of the game of ALFWorld has ended{f': {last}' if last else ''}"


def start(folder: Path, text: str) -> Game:
    """Start the process of a game, given as its publisher's JSON; it keeps its files in `folder`.

    Raises:
        MissingExtraError: the engine is not installed.
    """
    if find_spec("textworld") is None or find_spec("fast_downward") is None:
        raise MissingExtraError("household", "the profile 'alfworld' of the suite 'household'")
    file, said = folder / "game.tw-pddl", folder / "said.txt"
    file.write_text(text, encoding="utf-8")
    with said.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-I", str(PROGRAM), str(folder), str(file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            bufsize=0,
        )
    return Game(process, said)


@asynccontextmanager
async def open_game(read: Callable[[], str], actions: str) -> AsyncGenerator[Environment]:
    """A process and a folder of its own for this episode, both gone at its end.

    Raises:
        MissingExtraError: the engine is not installed.
        SandboxError: the game does not start.
        UsageError: the game's file cannot be read any more.
    """
    with TemporaryDirectory(prefix="codeact-household-") as folder:
        game = await to_thread.run_sync(lambda: start(Path(folder), read()))  # once begun, not to be cancelled
        try:
            await to_thread.run_sync(game.begin)
            yield Robot(game)
        finally:
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(partial(game.close))
