"""The first process of a box, as the host starts it: closes what only a fresh process can close, then becomes what it
was started for.

server   own mount, pid, ipc and uts namespaces (and a user namespace where the host is not root), the private root, an
         unprivileged uid of its own, no capabilities; then the fork server
filter   nothing of this, where it is forbidden; then the fork server whose sessions close themselves in
plain    nothing of this; then one session
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from . import installed, linux, root
from .channel import Channel
from .frames import Frame
from .proc import MOUNTED
from .root import Root

_UID_BASE = 0x7000_0000  # outside any range that systems hand out; each server of a root host gets its own
_UID_NOBODY = 65534
_FIRST_LAYER = {"server": "namespaces", "filter": "landlock", "plain": "files"}  # what a host may refuse each form


def main() -> None:
    """`argv`: the folder of this code, the number of the control descriptor, options as JSON."""
    box, control, options = Path(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3])
    channel = Channel(socket.socket(fileno=control))
    resolver = _host_resolver()
    try:
        ground = _prepare_ground(box, options)
    except OSError as error:
        channel.send(Frame("failed", {"reason": str(error), "layer": _layer(error, options["form"])}))
        return
    try:
        # Only now the heavy imports: the process that stays outside should be small.
        installed.put_first(options.get("installed", []))
        server: Any = importlib.import_module(".server", __package__)
        server.prepare(channel, options["preload"], ground.proc)
    except Exception as error:  # noqa: BLE001 (a package that cannot be imported does anything; the host must learn of it)
        channel.send(Frame("broken", {"reason": f"{type(error).__name__}: {error}"}))
        return
    match options["form"]:
        case "server":
            server.serve(channel, resolver, ground)
        case "filter":
            importlib.import_module(".filter_server", __package__).serve(channel, options["folder"], ground.shown)
        case _:
            server.serve_plain(channel, options)


def _layer(error: OSError, form: str) -> str:
    """Which layer could not be made."""
    match error:
        case root.TooWideError():
            return "files"
        case root.NoProcError():
            return "own /proc"
        case _:
            return _FIRST_LAYER[form]


def _prepare_ground(box: Path, options: Mapping[str, Any]) -> Root:
    """What the form needs before anything is imported; what its sessions have to be told of."""
    packages = [Path(path) for path in (*options["packages"], *options.get("installed", []))]
    match options["form"]:
        case "server":
            linux.die_with_parent()
            return _leave_host(box, packages, own_proc=options["own_proc"])
        case "filter":
            shown = root.readable(box, packages)
            filtered: Any = importlib.import_module(".filtered", __package__)  # heavy; nothing stays outside here
            filtered.check_host()
            return Root(shown)
        case _:
            return Root()


def _leave_host(box: Path, packages: Sequence[Path], *, own_proc: bool) -> Root:
    """Return in a child that sees only the private root; this process waits for it and ends with it."""
    uid = _own_uid()
    as_root = _separate()
    if child := os.fork():
        _, status = os.waitpid(child, 0)
        os._exit(max(0, os.waitstatus_to_exitcode(status)))
    linux.die_with_parent()
    entered = root.enter(box, packages, own_proc=own_proc)
    if as_root:
        linux.become(uid)
    linux.drop_capabilities()
    linux.set_no_new_privileges()
    linux.set_dumpable(True)  # changing the uid cleared it, and a session must write its own /proc/self/uid_map
    linux.die_with_parent()
    return entered


def _separate() -> bool:
    """Enter own namespaces; whether that was with the powers of the host's root. An ordinary user gets them by a user
    namespace.
    """
    wanted = linux.NEWNS | linux.NEWPID | linux.NEWIPC | linux.NEWUTS
    if os.geteuid() == 0 and _own_uid():
        with contextlib.suppress(OSError):  # root without CAP_SYS_ADMIN, in a container
            linux.unshare(wanted)
            return True
    ids = (os.geteuid(), os.getegid())
    linux.unshare(wanted | linux.NEWUSER)
    inside = ids if all(ids) else (root.USER_ID, root.USER_ID)  # root's id may not be passed on to sessions
    linux.map_ids(*inside, ids, MOUNTED)
    return False


def _own_uid() -> int:
    """A uid that nothing else on the machine has, where this user namespace knows such numbers; 0 where it knows no
    other than root.
    """
    known = [tuple(map(int, line.split())) for line in Path("/proc/self/uid_map").read_text().splitlines()]
    for wanted in (_UID_BASE + os.getpid(), _UID_NOBODY):
        if any(first <= wanted < first + count for first, _, count in known):
            return wanted
    return 0


def _host_resolver() -> str:
    try:
        return Path("/etc/resolv.conf").read_text()
    except OSError:
        return ""
