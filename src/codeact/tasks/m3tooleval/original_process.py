"""The host's end of the process that has the original's tasks: who starts it, asks it, and ends it.

Everything here waits, and nothing is awaited: a judge is a plain function, and tools are called in threads of their own.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from codeact.errors import SandboxError, SetupError, ToolError, UsageError
from codeact.types import JSON

_HOME = Path("scripts/eval/m3tooleval")
_LOOKED_FOR = (Path("tasks/__init__.py"), Path("tasks/base.py"), Path("tasks/impl"))
_SOURCE = Path(__file__).parents[3]  # where `codeact` is, which `-I` keeps from being found
_START = "import runpy, sys; sys.path.insert(0, sys.argv[1]); runpy.run_path(sys.argv[2], run_name='__main__')"
_PROGRAM = Path(__file__).with_name("original_child.py")

CALL_TIME = 30.0  # seconds, as the original has it for code
GRACE = 5.0  # seconds more before a call that cannot be interrupted is ended with its process
_IMPORT_TIME = 60.0
_CHECK_TIME = 10.0
_LONGEST = 2**24  # bytes of an answer


def checkout_in(data: JSON) -> Path:
    """The folder with the original's `tasks` package: in a checkout of its repository, or the folder itself.

    Raises:
        UsageError: it is not there.
    """
    if not isinstance(data, str | Path):
        raise UsageError(f"data={data!r} must be the path of a checkout of xingyaoww/code-act")
    given = Path(data).expanduser().absolute()
    for folder in (given / _HOME, given):
        if all((folder / part).exists() for part in _LOOKED_FOR):
            return folder
    looked = ", ".join(str(_HOME / part) for part in _LOOKED_FOR)
    raise UsageError(
        f"{str(data)!r} is not a checkout of xingyaoww/code-act: looked there for {looked}; "
        "remedy: git clone https://github.com/xingyaoww/code-act, and give that folder"
    )


class OriginalProcess:
    """Started by its first question. One that hangs or dies is ended, and the next question starts another."""

    def __init__(self, checkout: Path, call_time: float = CALL_TIME, grace: float = GRACE) -> None:
        self._checkout = checkout
        self._call_time = call_time
        self._grace = grace
        self._asking = threading.Lock()  # one question at a time; code may call tools in parallel
        self._running: _Running | None = None
        self._closed = False
        self.unconfined = ""  # why it could not be confined

    def tasks(self) -> Sequence[Mapping[str, JSON]]:
        """What the checkout registers.

        Raises:
            SetupError: its modules cannot be imported here; says which, and why.
        """
        return self._ask({"do": "list"}, _IMPORT_TIME)["tasks"]

    def call(self, task: str, tool: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[str, str]:
        """A tool's value, in Python's notation and as text.

        Raises:
            ToolError: what the tool raised, or that it was ended; then the world of its tools begins anew.
        """
        question = {"do": "call", "task": task, "tool": tool, "given": repr((tuple(args), dict(kwargs)))}
        try:
            said = self._ask(question, self._call_time + self._grace)
        except (TimeoutError, EOFError) as error:
            name = "TimeoutError" if isinstance(error, TimeoutError) else "RuntimeError"
            raise ToolError(f"{tool}() was ended ({error}); what it changed is lost", name=name) from error
        if "error" in said:
            raise ToolError(said["message"] or "the tool gave no message", name=said["error"])
        return said["value"], said["text"]

    def accepts(self, task: str, answer: str) -> bool:
        """What the original's own checker says of an answer.

        Raises:
            SandboxError: it did not say anything.
        """
        try:
            return self._ask({"do": "check", "task": task, "answer": answer}, _CHECK_TIME)["correct"]
        except (TimeoutError, EOFError) as error:
            raise SandboxError(f"the original's checker gave no verdict on {answer!r}: {error}") from error

    def start(self) -> None:
        """Have it running before it is asked. Raises as `tasks` does."""
        with self._asking:
            self._started()

    def close(self) -> None:
        self._closed = True
        if (running := self._running) is not None:
            running.kill()  # ends a question that a thread is still asking
        with self._asking:
            if self._running is not None:
                self._running.end()

    def _ask(self, question: Mapping[str, JSON], within: float) -> dict[str, Any]:
        with self._asking:
            running = self._started()
            try:
                return running.ask(question, within)
            except (TimeoutError, EOFError):
                running.end()
                self._running = None
                raise

    def _started(self) -> _Running:
        if self._running is None:
            self._running = running = _Running(self._checkout, self._call_time)
            if self._closed:  # looked at only now: what `close` has not seen is for this thread to end
                running.end()
                raise EOFError("the episode is over")
            try:
                self.unconfined = running.greeting()
            except SetupError:
                running.end()
                self._running = None
                raise
        return self._running


class _Running:
    """The process and its socket. Nothing of our environment is passed on: there are keys in it."""

    def __init__(self, checkout: Path, call_time: float) -> None:
        self._folder = tempfile.mkdtemp(prefix="codeact-original-")
        for name in ("work", "temporary"):
            Path(self._folder, name).mkdir()
        self._checkout = checkout
        self._socket, theirs = socket.socketpair()
        self._rest = b""
        with theirs:
            given = [str(checkout), self._folder, str(theirs.fileno()), str(call_time)]
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-B", "-c", _START, str(_SOURCE), str(_PROGRAM), *given],
                cwd=Path(self._folder, "work"),
                env={"PATH": "/usr/bin:/bin", "HOME": f"{self._folder}/work", "TMPDIR": f"{self._folder}/temporary"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,  # its modules print the expected answers
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )

    def greeting(self) -> str:
        """Wait until the tasks are imported; why the process is not confined, or nothing. Raises `SetupError`."""
        try:
            hello = self.read(_IMPORT_TIME)
        except (TimeoutError, EOFError) as error:
            raise SetupError(f"the tasks in {str(self._checkout)!r} cannot be imported: {error}") from error
        if failed := hello.get("failed"):
            where = f" ({hello['where']})" if hello["where"] else ""
            raise SetupError(
                f"the tasks in {str(self._checkout)!r} cannot be imported: {failed}{where}; "
                f"remedy: install what is missing for {sys.executable}, or mend the checkout"
            )
        return hello["unconfined"]

    def ask(self, question: Mapping[str, JSON], within: float) -> dict[str, Any]:
        """Raises `TimeoutError` or `EOFError`, after which nothing more can be asked."""
        try:
            self._socket.settimeout(within)
            self._socket.sendall(json.dumps(question).encode() + b"\n")
        except TimeoutError:
            raise TimeoutError("it did not listen") from None
        except OSError as error:
            raise EOFError("its process has died") from error
        return self.read(within)

    def read(self, within: float) -> dict[str, Any]:
        """The next line. Raises as `ask`."""
        deadline = time.monotonic() + within
        while b"\n" not in self._rest:
            if (left := deadline - time.monotonic()) <= 0 or len(self._rest) > _LONGEST:
                raise TimeoutError(f"no answer within {within:g} seconds" if left <= 0 else "its answer has no end")
            self._socket.settimeout(left)
            try:
                piece = self._socket.recv(2**16)
            except TimeoutError:
                continue
            except OSError:
                piece = b""
            if not piece:
                raise EOFError("its process has died")
            self._rest += piece
        line, _, self._rest = self._rest.partition(b"\n")
        try:
            return json.loads(line)
        except ValueError as error:
            raise EOFError("it answered nonsense") from error

    def kill(self) -> None:
        self._process.kill()

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._socket.close()
        shutil.rmtree(self._folder, ignore_errors=True)


@contextmanager
def original_process(checkout: Path, call_time: float = CALL_TIME, grace: float = GRACE) -> Generator[OriginalProcess]:
    """A process for as long as the block lasts."""
    process = OriginalProcess(checkout, call_time, grace)
    try:
        yield process
    finally:
        process.close()
