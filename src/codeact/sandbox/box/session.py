"""Pid 1 of a session: closes the layers around itself, then makes and buries workers and moves files for the host.

It never runs an agent's code and cannot be traced from it, so that a worker may die of anything and the workspace, the
output pipes and the next worker are still there. Commands come one at a time and each gets one answer.

In the plain form (no namespaces, for the `subprocess` backend) it is an ordinary process: it finds what an agent
started by being the subreaper of it all. So it is in the `filter` form (see `filtered`).
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import Any

from . import branches, confine, files, filtered, forking, installed, linux, ports, worker
from .branches import MAIN, Branches
from .channel import Channel, ChannelClosedError, Control
from .confine import Allowance, Closes, Confinement, Layer
from .frames import Frame
from .proc import MOUNTED, Proc
from .processes import Children, kill_in_scope, kill_the_rest
from .root import WORKSPACE

_MAX_NAMED = 20  # files of an agent's that are named in an answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How a session is to be."""

    allowance: Allowance
    network: str  # "none", "proxied" (a proxy of the host's on a loopback of its own) or "open"
    outside: tuple[int, int]  # uid and gid before the session had its own
    workspace: str | None = None  # a folder of the host for the plain form; None for the isolated one
    resolver: str = ""  # text of the host's resolv.conf, for an open network
    environment: Mapping[str, str] = field(default_factory=dict[str, str])  # besides the server's own
    in_tmp: tuple[str, ...] = ()  # what the private root shows below /tmp
    proc: Proc = MOUNTED
    ground: filtered.Ground | None = None  # of the `filter` form
    around: tuple[Layer, ...] = ()  # what somebody else, a container engine say, has put around the plain form


def run(channel: Control, output: tuple[int, int], terms: Terms, first: int | None = None) -> None:
    """Serve one session until the host closes the channel. `first`: the channel of its first worker, where the host has
    sent it along.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    session = _Session(channel, output, terms, first)
    try:
        gate = session.spawn_ahead()
        layers = _around(terms)
        if gate >= 0:
            os.close(gate)
        installed.make_room(terms.environment)
    except OSError as error:
        layer = "landlock" if terms.ground else "namespaces"
        channel.send(Frame("failed", {"reason": str(error), "layer": layer}))
        return
    rows = [layer.as_json() for layer in layers]
    ready = {"layers": rows, "workspace": session.workspace, "branching": terms.workspace is None and not terms.ground}
    channel.send(Frame("ready", ready))
    try:
        with contextlib.suppress(ChannelClosedError):
            while True:
                session.answer(channel.receive())
    finally:
        session.children.bury_all()


def _around(terms: Terms) -> list[Layer]:
    if terms.ground:
        return filtered.close_in(terms.ground)
    return _plain(terms) if terms.workspace else _close_in(terms)


def _close_in(terms: Terms) -> list[Layer]:
    linux.map_ids(confine.USER_ID, confine.USER_ID, terms.outside, terms.proc)
    layers = [
        Layer("namespaces", True, "user, mount, pid, ipc, uts"),
        *confine.own_files(terms.allowance, terms.in_tmp, terms.proc),
        confine.open_network(terms.resolver) if terms.network == "open" else confine.own_network(),
    ]
    with contextlib.suppress(OSError):  # Podman's own filter; the name is then that of the container
        linux.set_host_name("box")
    linux.drop_capabilities(keep=confine.OF_INIT)
    linux.set_no_new_privileges()
    linux.set_dumpable(False)
    return [*layers, Layer("privileges", True, "no capabilities but to change its root, no new privileges")]


def _plain(terms: Terms) -> list[Layer]:
    linux.become_subreaper()
    os.chdir(terms.workspace or ".")
    if terms.around:
        linux.set_dumpable(False)
    return list(terms.around)


def _branches(terms: Terms) -> Branches:
    if terms.ground:
        return branches.Folders(terms.ground.workspace)
    if terms.workspace is None:
        return branches.Mounted(terms.allowance, terms.in_tmp)
    return branches.Folders(terms.workspace)


def _confinement(terms: Terms) -> Closes:
    if terms.ground:
        return filtered.Filtered(allowance=terms.allowance, ground=terms.ground)
    if terms.workspace is None:
        return Confinement(allowance=terms.allowance, isolated=True, proc=terms.proc)
    return Confinement(allowance=terms.allowance, isolated=bool(terms.around), keeps=(), writable=confine.ELSEWHERE)


@dataclass(frozen=True, slots=True)
class _After:
    """The layers of a worker that is there before those of its session are. What it would have inherited it makes."""

    gate: int  # at its end when they are
    environment: Mapping[str, str]
    own: Closes

    def close(self) -> list[Layer]:
        os.read(self.gate, 1)
        os.close(self.gate)
        installed.make_room(self.environment)
        return self.own.close()


class _Session:
    def __init__(self, channel: Control, output: tuple[int, int], terms: Terms, first: int | None) -> None:
        self._first = [] if first is None else [first]  # channels of workers that were announced
        self._ahead = 0  # pid of a worker that has one
        self._alone = terms.workspace is None and not terms.ground  # in namespaces of its own
        self._environment = terms.environment
        self._channel = channel
        self._output = {MAIN: output}
        self._confinement = _confinement(terms)
        self._branches = _branches(terms)
        self.workspace = terms.workspace or WORKSPACE
        self.children = Children(partial(kill_the_rest, terms.proc))
        if terms.ground:
            self.workspace = terms.ground.workspace
            self.children = Children(kill_in_scope)

    def answer(self, frame: Frame) -> None:
        """Do what one command says. What it asks wrongly is told to the host; the session goes on."""
        try:
            reply, fds = self._do(frame.kind, frame.body, frame.blobs)
        except files.FileError as error:
            reply, fds = Frame("refused", {"reason": str(error)}), ()
        except OSError as error:  # no more processes or descriptors, most likely
            reply, fds = Frame("failed", {"reason": str(error)}), ()
        except Exception as error:  # noqa: BLE001 (whatever it is, the session must outlive it)
            reply, fds = Frame("failed", {"reason": f"{type(error).__name__}: {error}"}), ()
        try:
            self._channel.send(reply, fds)
        except ValueError as error:  # too large for one message
            self._channel.send(Frame("failed", {"reason": str(error)}))
        for fd in fds:
            os.close(fd)

    def _do(self, kind: str, body: Mapping[str, Any], blobs: Sequence[Any]) -> tuple[Frame, Sequence[int]]:
        branch = body.get("branch", MAIN)
        match kind:
            case "spawn":
                pid = self._ahead or self._spawn(branch, *(self._channel.take_fds() or [self._first.pop()]))
                self._ahead = 0
                return Frame("spawned", {"pid": pid}), [os.pidfd_open(pid)]
            case "adopt":  # a worker has copied itself
                return Frame("adopted"), [self.children.adopt(body["pid"])]
            case "listen":
                return Frame("listening"), ports.listen(body["port"])
            case "end":
                keep = frozenset[int](body["keep"])
                status = self.children.end_all(body["pid"], keep, self._branches.device(branch))
                return Frame("ended", {"status": status}), ()
            case "write" | "read" | "list":
                return self._move_files(kind, body, blobs), ()
            case _:
                return self._branch_out(kind, branch, body)

    def _move_files(self, kind: str, body: Mapping[str, Any], blobs: Sequence[Any]) -> Frame:
        workspace = self._branches.workspace(body.get("branch", MAIN))
        match kind:
            case "write":
                files.write(workspace, body["path"], blobs[0], start=body["start"])
                return Frame("written")
            case "read":
                size, data = files.read(workspace, body["path"], body["offset"])
                return Frame("chunk", {"size": size}, [data])
            case _:
                return Frame("listed", {"files": files.listing(workspace, hidden=body.get("hidden", False))})

    def _branch_out(self, kind: str, branch: int, body: Mapping[str, Any]) -> tuple[Frame, Sequence[int]]:
        match kind:
            case "branch":
                number = self._add(branch, self._channel.take_fds())
                root = os.open(self._branches.root(number), os.O_PATH | os.O_DIRECTORY)
                return Frame("branched", {"branch": number}), [root]
            case "unbranch":
                self.children.end_all(body["pid"], device=self._branches.device(branch))
                for fd in self._output.pop(branch):
                    os.close(fd)
                self._branches.remove(branch)
                return Frame("unbranched"), ()
            case "keep":
                number, left_out = self._branches.keep(branch)
                return Frame("kept", {"copy": number, "left_out": left_out[:_MAX_NAMED]}), ()
            case "put back":
                self._branches.put_back(branch, body["copy"])
                return Frame("put back"), ()
            case "drop":
                self._branches.drop(body["copy"])
                return Frame("dropped"), ()
            case _:
                return Frame("refused", {"reason": f"no such command: {kind}"}), ()

    def _add(self, source: int, output: Sequence[int]) -> int:
        try:
            number = self._branches.add(source)
        except BaseException:
            for fd in output:
                os.close(fd)
            raise
        self._output[number] = (output[0], output[1])
        return number

    def spawn_ahead(self) -> int:
        """Make the first worker before there is anything around it, where namespaces will hold it all the same: it
        comes to life while the layers are made, and waits for them before it closes itself in. What to close once they
        are there; -1 for nothing.
        """
        if not (self._first and self._alone):
            return -1
        fd = self._first.pop()
        there, gate = os.pipe()
        if (pid := os.fork()) == 0:
            try:
                os.close(gate)
                self._channel.close()
                after = _After(there, self._environment, self._confinement)
                worker.run(Channel(socket.socket(fileno=fd)), self._output[MAIN], after, self.workspace)
            finally:  # whatever happens, this copy must not go on as the session
                os._exit(1)
        self._ahead = pid
        self.children.expect(pid)
        os.close(there)
        os.close(fd)
        return gate

    def _spawn(self, branch: int, fd: int) -> int:
        root, output = self._branches.root(branch), self._output[branch]
        there, moved = os.pipe()
        try:
            if (pid := os.fork()) == 0:
                try:
                    self._channel.close()
                    self._move(root, output)
                    os.write(moved, b"m")
                    os.close(there)
                    os.close(moved)
                    worker.run(Channel(socket.socket(fileno=fd)), output, self._confinement, self.workspace)
                finally:  # whatever happens, this copy must not go on as the session
                    os._exit(1)
            self.children.expect(pid)
            os.close(moved)
            moved = -1
            os.read(there, 1)  # from now on it can be told whose it is, should another branch be ended
        finally:
            for end in (fd, there, moved):
                if end >= 0:
                    os.close(end)
        return pid

    def _move(self, root: str, output: tuple[int, int]) -> None:
        """In a child that is to be a worker: into its branch, and away from all others."""
        if root:
            forking.move_to(os.open(root, os.O_PATH | os.O_DIRECTORY))
        self._branches.let_go()
        for other in set(chain.from_iterable(self._output.values())) - set(output):
            os.close(other)
        linux.set_dumpable(True)  # else even the session's init could not look whose it is
