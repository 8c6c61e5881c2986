"""The simulator: a Java process of its own for each episode, spoken to over a local socket with a token.

Imported on demand: it needs the extra `scienceworld`, and Java. The package's own wrapper is left aside: it opens a
second, listening socket without a token, lists all valid actions after every step, which takes most of a step's time,
and leaves its process and a folder behind if it is not closed twice.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from scienceworld.constants import BASEPATH, JAR_PATH  # pyright: ignore[reportMissingTypeStubs] -- it has none

from codeact.errors import SandboxError, SetupError

EASY = "easy"  # doors and containers are open, plants water themselves, one can teleport; as in the paper
END = 10.0  # seconds for the process to end by itself

_py4j: Any = import_module("py4j.java_gateway")  # it has no types


@dataclass(frozen=True, slots=True)
class Simulator:
    """One game. Its methods block, are called from one thread at a time, and raise `SandboxError` where its process
    has failed.
    """

    _process: subprocess.Popen[bytes]
    _gateway: Any
    _game: Any

    @property
    def goal(self) -> str:
        with _answering():
            return str(self._game.getTaskDescription())

    @property
    def score(self) -> int:
        """0 to 100; below 0 if the task has become impossible."""
        with _answering():
            return round(100 * float(self._game.getScore()))

    @property
    def over(self) -> bool:
        with _answering():
            return bool(self._game.getCompleted()) or self.score < 0

    def step(self, action: str) -> str:
        with _answering():
            return str(self._game.step(action))

    def objects(self) -> list[str]:
        with _answering():
            return sorted(map(str, self._game.getPossibleObjects()))

    def test_variations(self) -> list[int]:
        return list(map(int, self._game.getVariationsTest()))

    def load(self, experiment: str, variation: int) -> None:
        with _answering():
            self._game.load(experiment, variation, EASY, False)
            self._game.reset()

    def close(self) -> None:
        """End the process; it also ends when this one does, by its standard input."""
        self._gateway.shutdown()
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextmanager
def _answering() -> Generator[None]:
    try:
        yield
    except (OSError, _py4j.Py4JError) as error:
        raise SandboxError(f"the simulator of scienceworld has failed: {error}") from error


def start() -> Simulator:
    """Start one, which takes seconds.

    Raises:
        SetupError: there is no Java, or it does not start.
    """
    if shutil.which("java") is None:
        raise SetupError("scienceworld needs Java, which is not installed; remedy: scripts/install_java.sh, as root")
    try:
        port, token, process = _py4j.launch_gateway(
            classpath=JAR_PATH, die_on_exit=True, cwd=BASEPATH, return_proc=True, enable_auth=True
        )
    except (OSError, ValueError, _py4j.Py4JError) as error:
        raise SetupError(
            f"the simulator of scienceworld does not start: {error}; remedy: see what `java -version` says"
        ) from error
    try:
        parameters = _py4j.GatewayParameters(auto_field=True, port=port, auth_token=token)
        gateway = _py4j.JavaGateway(gateway_parameters=parameters, java_process=process)
        return Simulator(process, gateway, gateway.jvm.scienceworld.runtime.pythonapi.PythonInterface())
    except BaseException:
        process.kill()
        raise
