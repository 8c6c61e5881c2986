"""The real command, as a person or a program starts it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pexpect

_VOLATILE = (
    (re.compile(r"\d+(\.\d+)? (ms|s)\b"), "0 s"),
    (re.compile(r"[\d,]+ tokens in(?: \([\d,]+ cached\))?, [\d,]+ out"), "0 tokens in, 0 out"),
    (re.compile(r"\d{8}-\d{6}"), "TIME"),
)


@dataclass(slots=True)
class Codeact:
    """`codeact` in a folder of its own, with a home, a store and an environment of its own."""

    folder: Path
    env: dict[str, str]

    def __call__(
        self, *arguments: str, input: str = "", env: Mapping[str, str] = {}
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env={**self.env, **env},
            input=input,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "codeact", *arguments]

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """The command in a process group of its own, its output in pipes."""
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    @contextmanager
    def terminal(self, *arguments: str, columns: int = 100) -> Iterator[pexpect.spawn]:
        """The command in a terminal."""
        program, *rest = self.command(*arguments)
        env = {**self.env, "TERM": "xterm-256color", "PROMPT_TOOLKIT_NO_CPR": "1"}
        child = pexpect.spawn(
            program, rest, cwd=self.folder, env=env, dimensions=(40, columns), timeout=30, encoding="utf-8"
        )
        try:
            yield child
        finally:
            child.close(force=True)

    def script(self, *replies: str, name: str = "script.txt") -> str:
        """A file of replies; the string names the model that gives them."""
        (self.folder / name).write_text("\n---\n".join(replies), encoding="utf-8")
        return f"scripted:{name}"

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def records(self) -> list[Path]:
        return sorted(self.folder.glob("codeact-runs/*/trajectory.jsonl"))

    @staticmethod
    def interrupt(process: subprocess.Popen[str]) -> None:
        """What Ctrl-C in a terminal does: the signal goes to the whole group."""
        os.killpg(process.pid, signal.SIGINT)


def steady(text: str) -> str:
    """The text without what differs from run to run."""
    for pattern, stand_in in _VOLATILE:
        text = pattern.sub(stand_in, text)
    return text
