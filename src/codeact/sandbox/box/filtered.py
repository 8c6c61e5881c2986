"""The layers around a session of the `filter` form, for hosts that forbid namespaces, such as a container with Docker's
default profile: Landlock for reading too, seccomp with no sockets, signals that stay within the session.

    session      its own uid where the server may give it one, no capabilities, Landlock: its own folder, the trees that
                 it may read, signals and abstract sockets only within the session
    worker       resource limits, a second Landlock domain (of /proc only some files of its own), seccomp

Covers: the host's files, processes and network, other sessions. Does not cover: that files of the host exist and how
large they are (Landlock leaves `stat` alone), that its processes exist, the machine's interfaces and names, the sum of
disk, and without a uid of its own the number of processes. `/tmp` and `/dev/shm` are closed, so programs that insist on
them fail.
"""

from __future__ import annotations

import errno
import os
import signal
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import landlockpy as landlock

from . import linux, shell, syscalls
from .confine import Allowance, Layer, be_first_to_go, limit_resources, tried
from .proc import MOUNTED, OF_THE_MACHINE

_READ = landlock.AccessFS.EXECUTE | landlock.AccessFS.READ_FILE | landlock.AccessFS.READ_DIR
_WRITE_DEVICE = landlock.AccessFS.WRITE_FILE | landlock.AccessFS.TRUNCATE | landlock.AccessFS.IOCTL_DEV
_SCOPES = landlock.Scope.SIGNAL | landlock.Scope.ABSTRACT_UNIX_SOCKET
_UID_BASE = 0x7000_0000  # outside any range that systems hand out
_OLDEST = 6  # the Landlock ABI that knows scopes
_DEVICES = ("null", "zero", "full", "random", "urandom")
_OF_ITSELF = ("cmdline", "comm", "environ", "fd", "fdinfo", "io", "limits", "maps", "smaps", "stat", "statm", "status")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What a session of this form stands on."""

    folder: str  # on the host's disk and its own: the workspace and a folder for what is temporary lie in it
    trees: tuple[str, ...]  # what it may read
    own_uid: bool  # or the one that the host has

    @property
    def workspace(self) -> str:
        return f"{self.folder}/work"

    @property
    def temporary(self) -> str:
        return f"{self.folder}/temporary"


def check_host() -> None:
    """Raises OSError where this form cannot be."""
    if not landlock.supported():
        raise OSError(errno.ENOSYS, "the kernel has no Landlock, or it is switched off")
    if (abi := landlock.abi_version()) < _OLDEST:
        raise OSError(
            errno.ENOSYS, f"Landlock ABI {abi} cannot keep signals within a session; that takes ABI {_OLDEST}"
        )


def close_in(ground: Ground) -> list[Layer]:
    """Around the first process of a session, and so around all of it.

    Raises:
        OSError: a layer cannot be made.
    """
    signal.signal(signal.SIGTERM, _end)
    if ground.own_uid:
        uid = own_uid()
        for place in (ground.workspace, ground.temporary, ground.folder):
            os.chown(place, uid, uid)
        linux.become(uid)
    linux.become_subreaper()
    linux.die_with_parent(signal.SIGTERM)  # not SIGKILL: what an agent has started is buried by this process
    linux.drop_capabilities()
    linux.set_no_new_privileges()
    linux.set_dumpable(False)
    _move_in(ground)
    with _rules(ground, ["/proc"], [ground.folder, "/proc"]) as rules:  # its workers have to be found, and adjusted
        rules.restrict()
    _check_scope()
    whose = "of its own" if ground.own_uid else "the host's"
    return [Layer("privileges", True, f"a user id {whose}, no capabilities, no new privileges")]


def own_uid() -> int:
    """A uid that nothing else on the machine has while this process lives."""
    return _UID_BASE + os.getpid()


def _end(*_: object) -> None:
    raise SystemExit(0)


def _move_in(ground: Ground) -> None:
    """The paths that the server's environment names belong to the server."""
    temporary = ground.temporary
    os.environ |= {
        "HOME": ground.workspace,
        "TMPDIR": temporary,
        "IPYTHONDIR": f"{temporary}/.ipython",
        "MPLCONFIGDIR": f"{temporary}/.matplotlib",
        "XDG_CACHE_HOME": f"{temporary}/.cache",
        "GIT_CONFIG_NOSYSTEM": "1",  # git gives up on a file that is there and closed
    }
    tempfile.tempdir = None
    shell.move(os.environ["IPYTHONDIR"])
    os.chdir(ground.workspace)


def _check_scope() -> None:
    """From here on this process says `kill everything` and means its session, so that must be what it does."""
    try:
        os.kill(os.getppid(), 0)
    except PermissionError:
        return
    raise OSError(errno.EPERM, "Landlock does not keep signals within the session")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filtered:
    """What a worker of this form puts around itself; stands in for `confine.Confinement`."""

    allowance: Allowance
    ground: Ground

    def close(self) -> list[Layer]:
        """The layers that held and those that did not.

        Raises:
            OSError: a limit cannot be set.
        """
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        linux.set_dumpable(True)  # its own /proc files belong to it again
        be_first_to_go(MOUNTED)
        counted = self.ground.own_uid  # else with all that the user has running
        limit_resources(self.allowance, count_processes=counted)
        linux.set_no_new_privileges()
        landlock_layer, seccomp = tried("landlock", self._landlock), tried("seccomp", self._seccomp)
        processes = f"{self.allowance.processes} processes" if counted else "processes not counted"
        return [
            Layer("resources", True, f"{self.allowance.memory:,} bytes per process, {processes}, disk per file"),
            landlock_layer,
            seccomp,
            Layer("files", landlock_layer.active, "its own folder; the system and the interpreter for reading"),
            Layer("network", seccomp.active, "none: no sockets but pairs"),
        ]

    def _landlock(self) -> str:
        own = Path("/proc", str(os.getpid()))
        machine = [f"/proc/{name}" for name in OF_THE_MACHINE]
        with _rules(self.ground, machine, [self.ground.workspace, self.ground.temporary]) as rules:
            rules.allow_path("/proc", landlock.AccessFS.READ_DIR)  # a copy of this process has to find its own
            for name in (*_OF_ITSELF, f"task/{os.getpid()}/children"):  # by name, since `net` shows the host's
                _allow_reading(rules, own / name)
            rules.restrict()
            return f"ABI {rules.abi_version}: reading and writing by list, scoped signals"

    def _seccomp(self) -> str:
        linux.load_filter(program(self.ground))
        return "system calls by list, no sockets"


def program(ground: Ground) -> bytes:
    """The filter of workers; the server asks for it first, so that all share it."""
    return syscalls.program(sockets=False, own_ipc=False, own_user=ground.own_uid)


def _rules(ground: Ground, readable: Iterable[str], writable: Iterable[str]) -> landlock.Ruleset:
    everything = landlock.fs_for_abi(landlock.abi_version())
    rules = landlock.Ruleset(handled_fs=everything, handled_net=landlock.AccessNet.NONE, scoped=_SCOPES)
    try:
        for path in (*ground.trees, *readable):
            _allow_reading(rules, Path(path))
        for path in filter(os.path.exists, (f"/dev/{name}" for name in _DEVICES)):
            rules.allow_path(path, landlock.AccessFS.READ_FILE | _WRITE_DEVICE)
        for path in writable:
            rules.allow_path(path, everything)
    except BaseException:
        rules.close()
        raise
    return rules


def _allow_reading(rules: landlock.Ruleset, path: Path) -> None:
    """What this host lacks is left out; a file has no right to be listed."""
    if path.exists():
        rules.allow_path(path, _READ if path.is_dir() else _READ & ~landlock.AccessFS.READ_DIR)
