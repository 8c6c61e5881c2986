"""The fork server of the `filter` form: forks sessions that Landlock and seccomp close in, each in a folder of its own
on the host's disk and, where the server is root, under a uid of its own.

It runs no agent's code and holds no secret, like the other one. It ends with its host and takes every session with it;
what a session leaves that was killed from outside, it buries.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Generator, Iterable
from pathlib import Path

import landlockpy

from . import filtered, folders, linux, server, session
from .channel import Channel, ChannelClosedError
from .confine import Allowance
from .filtered import Ground
from .frames import Frame
from .processes import children, descendants

_PATIENCE = 4.0  # seconds for sessions to end by themselves; the host waits for a little more


def serve(channel: Channel, folder: str, trees: tuple[str, ...]) -> None:
    """Answer the host until it closes the channel, or is gone. Everything of the sessions lies below `folder`."""
    linux.become_subreaper()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    lodging = _Lodging(folder, trees)
    signal.signal(signal.SIGCHLD, lodging.on_signal)
    try:
        with contextlib.suppress(ChannelClosedError):
            while True:
                lodging.open(channel, channel.receive())
    finally:
        lodging.close()


class _Lodging:
    """The sessions of a server, and where they live."""

    def __init__(self, folder: str, trees: tuple[str, ...]) -> None:
        self._folder = Path(folder)
        self._trees = trees
        self._sessions: dict[int, Path] = {}  # by the number of the first process
        self._count = 0
        self._folder.chmod(0o711)  # sessions with a uid of their own have to pass through
        self._own_uids = _can_give_uids(self._folder)

    def open(self, channel: Channel, frame: Frame) -> None:
        fds = channel.take_fds()
        try:
            with _children_wait():  # or a session could end before it is known
                pid = self._fork(channel, frame, fds)
            pidfd = os.pidfd_open(pid)
            channel.send(Frame("opened"), [pidfd])
            os.close(pidfd)
        except OSError as error:
            channel.send(Frame("failed", {"reason": str(error), "layer": "files"}))
        finally:
            for fd in fds:
                os.close(fd)

    def _fork(self, channel: Channel, frame: Frame, fds: list[int]) -> int:
        self._count += 1
        ground = Ground(folder=str(self._folder / str(self._count)), trees=self._trees, own_uid=self._own_uids)
        for place in (ground.folder, ground.workspace, ground.temporary):
            Path(place).mkdir(0o700)
        terms = session.Terms(
            allowance=Allowance(**frame.body["limits"]),
            network=frame.body["network"],
            outside=(os.getuid(), os.getgid()),
            environment=frame.body["environment"],
            ground=ground,
        )
        filtered.program(ground)  # built here, where every session shares it
        if (pid := os.fork()) == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
            channel.close()
            status = server.in_child(fds, terms, ahead=frame.body["ahead"])
            folders.remove(ground.folder)  # what is in it; itself it may not
            os._exit(status)
        self._sessions[pid] = Path(ground.folder)
        return pid

    def on_signal(self, *_: object) -> None:
        with contextlib.suppress(ChildProcessError):
            while pid := os.waitpid(-1, os.WNOHANG)[0]:
                if folder := self._sessions.pop(pid, None):
                    self._bury_strays()
                    folders.remove(str(folder))

    def _bury_strays(self) -> None:
        """Whatever is below this process and of no session has lost its session's first process, by a kill from
        outside.
        """
        deadline = time.monotonic() + _PATIENCE
        while (strays := self._strays()) and time.monotonic() < deadline:
            _send(signal.SIGKILL, strays)
            time.sleep(0.001)
            for pid in strays:
                with contextlib.suppress(ChildProcessError):  # a grandchild, still
                    os.waitpid(pid, os.WNOHANG)

    def _strays(self) -> list[int]:
        orphans = [pid for pid in children(os.getpid()) if pid not in self._sessions]
        return [pid for orphan in orphans for pid in (orphan, *descendants(orphan))]

    def close(self) -> None:
        _send(signal.SIGTERM, self._sessions)
        deadline = time.monotonic() + _PATIENCE
        while self._sessions and time.monotonic() < deadline:
            time.sleep(0.005)  # `on_signal` takes out those that have ended
        _send(signal.SIGKILL, self._sessions)
        while self._sessions:
            time.sleep(0.005)
        folders.remove(str(self._folder))


@contextlib.contextmanager
def _children_wait() -> Generator[None]:
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])


def _send(number: signal.Signals, pids: Iterable[int]) -> None:
    for pid in list(pids):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _can_give_uids(folder: Path) -> bool:
    """Whether this process may change its uid, and one that nobody has can still use the interpreter: root's home, say,
    is closed to it.
    """
    if os.geteuid() != 0:
        return False
    if (pid := os.fork()) == 0:
        with contextlib.suppress(BaseException):
            linux.become(filtered.own_uid())
            needed = (folder, sys.executable, os.__file__, __file__, landlockpy.__file__)
            os._exit(not all(os.access(path, os.X_OK if path is folder else os.R_OK) for path in needed))
        os._exit(1)
    return os.waitpid(pid, 0)[1] == 0
