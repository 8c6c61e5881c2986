"""The fork server: imports what every session will want, once, and forks sessions that share it.

It never runs an agent's code and holds no secret: its memory is what every session starts from. It ends with its host,
and, being pid 1 of its pid namespace, takes every session with it.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import signal
import socket
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from . import confine, folders, hints, image, linux, mappings, notable, session, shell
from .channel import Channel, ChannelClosedError, Control
from .confine import Allowance
from .frames import Frame
from .proc import Proc
from .root import Root


def prepare(channel: Control, preload: Iterable[str], proc: Proc) -> None:
    """Import what sessions share, run a few cells so that their first action finds everything ready, and tell the host
    what there is.
    """
    for name in preload:
        with contextlib.suppress(ImportError):  # what is not installed is not shared; BoxInfo says what is
            importlib.import_module(name)
    shell.warm()
    confine.prepare()
    serving = Frame("serving", {"python": sys.version.split()[0], "packages": notable.versions()})
    _settle(proc)
    channel.send(serving)


def _settle(proc: Proc) -> None:
    """The last thing before forks: whatever this process touches from now on makes them slower."""
    linux.act_forked()
    gc.collect()
    gc.freeze()  # the collector would touch, and so copy, every object in every session
    mappings.join(proc)
    try:
        image.share(proc)
    except OSError:  # an unusual machine; a fork copies less with larger pages, too
        mappings.use_huge_pages(proc)


def serve(channel: Channel, resolver: str, root: Root) -> None:
    """Answer the host until it closes the channel. `resolver`: see `session.Terms`."""
    signal.signal(signal.SIGCHLD, _reap)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(ChannelClosedError):
        while True:
            frame = channel.receive()
            terms = session.Terms(
                allowance=Allowance(**frame.body["limits"]),
                network=frame.body["network"],
                environment=frame.body["environment"],
                outside=(os.getuid(), os.getgid()),
                resolver=resolver,
                in_tmp=root.shown,
                proc=root.proc,
            )
            _open(channel, terms, ahead=frame.body["ahead"])


def serve_plain(channel: Channel, options: Mapping[str, Any]) -> None:
    """Be one session, with no isolation, instead of forking any."""
    terms = session.Terms(
        allowance=Allowance(**options["limits"]),
        network="open",
        environment={hints.POLICY: "open"},
        outside=(os.getuid(), os.getgid()),
        workspace=options["workspace"],
    )
    try:
        session.run(channel, (1, 2), terms)
    finally:  # also when the host is gone and cannot
        folders.remove(options["folder"])


def _open(channel: Channel, terms: session.Terms, *, ahead: bool) -> None:
    fds = channel.take_fds()
    try:
        pid = linux.fork_into(confine.NAMESPACES | (0 if terms.network == "open" else linux.NEWNET))
        if pid == 0:
            channel.close()
            os._exit(in_child(fds, terms, ahead=ahead))
        pidfd = os.pidfd_open(pid)
        channel.send(Frame("opened"), [pidfd])
        os.close(pidfd)
    except OSError as error:
        channel.send(Frame("failed", {"reason": str(error)}))
    finally:
        for fd in fds:
            os.close(fd)


def in_child(fds: list[int], terms: session.Terms, *, ahead: bool = False) -> int:
    """In the child. An exception must not reach the server's own loop, which this process has a copy of. `ahead`: the
    last descriptor is the channel of the first worker.
    """
    try:
        control, stdout, stderr, *doors = fds
        first = doors.pop() if ahead else None
        for door in doors:
            os.write(door, b"0")  # into a control group; see `codeact.sandbox.cgroups`
            os.close(door)
        session.run(Channel(socket.socket(fileno=control)), (stdout, stderr), terms, first)
    except BaseException:  # noqa: BLE001 (see above)
        return 1
    return 0


def _reap(*_: object) -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
