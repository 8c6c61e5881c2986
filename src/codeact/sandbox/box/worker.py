"""The process that runs an agent's code: takes actions from its channel, answers each with a result.

All that is kept here is in reach of the agent's code, which shares the process. So nothing here protects the host: that
is done by the layers around the process and by a host that checks what comes. The care taken here is for honest code
that does odd things.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import awaiting, bundles, forking, linux, questions, shell
from .channel import Channel
from .frames import Frame
from .link import Interrupts, Link
from .output import Streams
from .stubs import ToolError, make_stub
from .tracebacks import Problem, cut, describe
from .values import Packer, plain

if TYPE_CHECKING:  # it needs packages that a Jupyter kernel, which has a worker too, may not have
    from .confine import Closes, Layer

_MAX_TEXT = 1_000_000  # characters of a value or an answer
_SUFFIXES = {"image/png": "png", "image/jpeg": "jpg"}  # pictures that are also written into the workspace


class FinalAnswer(BaseException):
    """Ends the action in which `final_answer(value)` was called. Not an Exception: `except Exception` must not catch
    it.
    """


def run(channel: Channel, output: tuple[int, int], confinement: Closes, workspace: str) -> None:
    """Become a worker, and serve until the host is gone. Does not return."""
    try:
        worker, layers = _prepare(channel, output, confinement, workspace)
    except Exception as error:  # noqa: BLE001 (nothing of an agent's has run yet; the host must learn why it cannot)
        channel.send(Frame("failed", {"reason": f"{type(error).__name__}: {error}"}))
        return
    worker.link.send("ready", {"layers": [layer.as_json() for layer in layers]})
    worker.serve()


def _prepare(
    channel: Channel, output: tuple[int, int], confinement: Closes, workspace: str
) -> tuple[Worker, list[Layer]]:
    linux.die_with_parent()
    os.setsid()  # so that `os.killpg(0, …)` reaches the worker's own kin only
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    random.seed()
    if numpy := sys.modules.get("numpy"):  # else every session would draw the same numbers
        numpy.random.seed(random.getrandbits(32))  # a number, because a seed of its own choice goes through much code
    worker = Worker(channel, Streams(*output), workspace)
    layers = confinement.close()
    os.chdir(workspace)
    return worker, layers


class Worker:
    def __init__(self, channel: Channel, streams: Streams, workspace: str) -> None:
        self._pid = os.getpid()
        self._streams = streams
        self._workspace = workspace
        self._interrupts = Interrupts()
        self.link = Link(channel, self._interrupts, streams.flush)
        self._shell = shell.Shell.instance()
        self._shell.serve(self._show, streams.flush, workspace)
        shell.end_figures(self._shell)  # tells the backend where to show
        self._surroundings: forking.Surroundings | None = None  # of the original, as long as this is a copy that sleeps
        self._given = dict[str, Any]()  # names that are not of the agent's making
        self._answer: dict[str, Any] | None = None
        self._figures = 0

    def serve(self) -> None:
        """Do what the host says, one command after the other."""
        while True:
            frame = self.link.command()
            match frame.kind:
                case "start":
                    self.start(frame.body)
                case "run":
                    self.run(frame.body["code"], frame.body["number"])
                case "fork":
                    self._fork(frame.body)
                case "wake":
                    self._wake()
                case "variables":
                    self.link.send("variables", {"variables": self.variables()})
                case _:
                    pass

    def variables(self) -> list[list[Any]]:
        """What the agent has made; as much as could be described until an interrupt."""
        try:
            with self._interrupts.running():
                return self._shell.variables()
        except BaseException:  # noqa: BLE001 (an interrupt before the first)
            return []

    def start(self, body: Mapping[str, Any]) -> None:
        """Take the tools: none at first, in a session that is made before it is known for whom."""
        stubs = {
            spec["name"]: make_stub(spec, self.link.call) for spec in questions.route(body["tools"], self.link.call)
        }
        self._given = {**stubs, "final_answer": self._final_answer, "ToolError": ToolError}
        if stubs:
            self._given |= awaiting.NAMES
            self._shell.ast_transformers.append(awaiting.Awaiting())

    def _fork(self, body: Mapping[str, Any]) -> None:
        """Go on twice. The copy answers, on the channel that came with the command; what it may get besides: pipes for
        its output, and the tree that it shall live in.
        """
        fds = self.link.take_fds(body["fds"])
        if len(fds) < body["fds"]:  # the agent's code has used up its descriptors; the host sees the end of the channel
            for fd in fds:
                os.close(fd)
            return
        fd, *fds = fds
        channel = Channel(socket.socket(fileno=fd))
        try:
            copied = self._copy(channel, fds, noted=body["noted"])
        except (OSError, forking.ObstacleError) as error:
            channel.send(Frame("unforked", {"reason": str(error)}))
            copied = None
        if copied is None:
            channel.close()
            for fd in fds:
                os.close(fd)
            return
        self._pid = os.getpid()
        self.link.move_to(channel)
        self.link.send("forked", {"pid": self._pid, "notes": copied})

    def _copy(self, channel: Channel, fds: list[int], *, noted: bool) -> list[str] | None:
        """In the copy, what differs from the original, if that is to be `noted`; in the original None."""
        self._streams.settle()
        forking.check()
        runner: shell.LoopRunner = self._shell.loop_runner
        private = {*self._streams.descriptors, *runner.descriptors, *fds, channel.fileno(), self.link.fileno()}
        held = forking.descriptors(private)
        surroundings = self._surroundings or forking.Surroundings.now(held)
        notes = forking.notes(surroundings.files, held) if noted else []
        if forking.fork():
            return None
        try:
            if fds:
                *output, root = fds
                self._streams.move_to(*output)
                forking.move_to(root)
            runner.part()
        except BaseException:  # noqa: BLE001 (half a copy must not go on, least of all as the original)
            os._exit(1)
        self._surroundings = surroundings
        return notes

    def _wake(self) -> None:
        """From now on the host uses this copy; the files around it may be others than when it was made."""
        if self._surroundings is not None:
            self._surroundings.take_up()
            self._surroundings = None
        self.link.send("awake", {})

    def run(self, code: str, number: int) -> None:
        """Run one action, and send its result."""
        self._answer = None
        self._shell.give_missing(self._given)  # after `%reset` or `del`, say
        self._streams.begin_action()
        self.link.in_action = True
        value, error = self._guarded_run(code, number)
        self.link.in_action = False
        if os.getpid() != self._pid:
            os._exit(0)  # a fork of the agent's that fell through to here; the session has its worker
        self._streams.end_action()
        body: dict[str, Any] = {"number": number, "value": None if value is None else cut(value, _MAX_TEXT)}
        if error is not None and not isinstance(error, FinalAnswer):
            body["error"] = {"kind": _kind(error), **self._problem(error, number).as_json()}
        try:
            self.link.send("result", {**body, "answer": self._answer})
        except ValueError:  # the answer is too large for one message; its text is not
            self.link.send("result", {**body, "answer": {**(self._answer or {}), "value": None}})
        self._streams.restore()

    def _guarded_run(self, code: str, number: int) -> tuple[str | None, BaseException | None]:
        try:
            with self._interrupts.running():
                bundle, error = self._shell.run_action(code, number)
                if bundle is not None and set(bundle) - {"text/plain"}:
                    self._show(bundle)
                shell.end_figures(self._shell)
            return (None if bundle is None else str(bundle.get("text/plain", ""))), error
        except BaseException as error:  # noqa: BLE001 (an interrupt, or IPython stumbling over what the code did to it)
            return None, error

    def _problem(self, error: BaseException, number: int) -> Problem:
        try:
            with self._interrupts.running():  # its text is made by an agent's code, which may take for ever
                return describe(error, f"<action {number}>", self._workspace)
        except BaseException as trouble:  # noqa: BLE001 (see above)
            text = f"(its text could not be made: {type(trouble).__name__})"
            name = type(error).__name__
            return Problem(name=name, message=text, traceback=f"{name}: {text}", line=None)

    def _final_answer(self, value: Any = None) -> None:
        """Give the final answer of the task, and stop."""
        text = value if isinstance(value, str) else self._shell.text_of(value)
        try:
            data = Packer().pack(value)
        except TypeError:
            data = None
        # The text is for people. A program gets the value only when it is plain JSON.
        self._answer = {"text": cut(text, _MAX_TEXT), "value": data if plain(data) else None}
        raise FinalAnswer

    def _show(self, bundle: Mapping[str, Any]) -> None:
        """Send a MIME bundle; a picture is also written into the workspace, so that code and people can find it."""
        texts, blobs = bundles.parts(bundle)
        image = next((mime for mime in _SUFFIXES if mime in blobs), None)
        name = self._save(blobs[image], _SUFFIXES[image]) if image else None
        self.link.send("display", {"texts": texts, "binary": list(blobs), "name": name}, list(blobs.values()))

    def _save(self, picture: bytes, suffix: str) -> str | None:
        while True:
            self._figures += 1
            path = Path(self._workspace, name := f"figure-{self._figures}.{suffix}")
            try:
                with path.open("xb") as file:
                    file.write(picture)
            except FileExistsError:
                continue
            except OSError:  # no room; it is shown all the same
                return None
            return name


def _kind(error: BaseException) -> str:
    match error:
        case KeyboardInterrupt():
            return "interrupted"
        case SystemExit():
            return "exited"
        case MemoryError():
            return "out_of_memory"
        case _:
            return "exception"
