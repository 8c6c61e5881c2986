"""The layers around a session, one function each; each either holds or raises OSError, and what held is reported, never
assumed.

    session (pid 1)   user, mount, pid, net, ipc and uts namespaces by `fork_into`; then `own_files`, `own_network`, few
                      capabilities, in its own user namespace only
    worker            resource limits, no capabilities but chroot, Landlock, seccomp, no new privileges

Covers: files, processes, network, kernel interfaces and per-process resources of the host. Does not cover: holes in the
kernel itself, side channels of shared hardware, and the total of memory and processor time over all processes of a
session.
"""

from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import landlockpy as landlock

from . import linux, syscalls
from .proc import MOUNTED, Proc
from .root import FOLDERS, HOME, USER_ID, WORKSPACE

__all__ = ["USER_ID", "Allowance", "Confinement", "Layer"]

NAMESPACES = linux.NEWUSER | linux.NEWNS | linux.NEWPID | linux.NEWIPC | linux.NEWUTS
# The rule is for the folder that files are mounted on and not for a mount: so it is good for those of a branch too.
_WRITABLE = (HOME, "/dev/pts")
ELSEWHERE = (*_WRITABLE, "/tmp", "/dev/shm")  # noqa: S108 (in a box of somebody else's they do not lie below HOME)
# What a session's init needs to give branches their files. A worker keeps the right to change its root, because a
# branch of it moves into the root made for it; it can't make mounts, and programs it starts have no capabilities.
OF_INIT = (
    linux.CAP_DAC_OVERRIDE,
    linux.CAP_FOWNER,
    linux.CAP_SETPCAP,
    linux.CAP_SYS_CHROOT,
    linux.CAP_SYS_PTRACE,
    linux.CAP_SYS_ADMIN,
)
OF_WORKER = (linux.CAP_SYS_CHROOT,)
_BASE = "work"  # of `FOLDERS`: where the file system is mounted that all of them are parts of
_PLAIN = linux.MS_NOSUID | linux.MS_NODEV
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/tty")


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """The numbers of `codeact.sandbox.base.Limits` that the kernel enforces."""

    memory: int
    processes: int
    open_files: int
    workspace: int
    inodes: int


class Closes(Protocol):
    """What a worker puts around itself before it runs anything of an agent's."""

    def close(self) -> list[Layer]:
        """The layers that held and those that did not; whether that is enough is for the host to say.

        Raises:
            OSError: a limit cannot be set.
        """
        ...


@dataclass(frozen=True, slots=True)
class Layer:
    name: str
    active: bool
    detail: str = ""

    def as_json(self) -> list[Any]:
        return [self.name, self.active, self.detail]


def own_files(allowance: Allowance, in_tmp: Sequence[str], proc: Proc) -> list[Layer]:
    """Files, terminals and, unless one is held, /proc of this session only."""
    linux.mount("", "/", flags=linux.MS_REC | linux.MS_PRIVATE)
    private_files("", allowance, in_tmp)
    if not proc.held:
        linux.mount("proc", "/proc", "proc", _PLAIN | linux.MS_NOEXEC)
    linux.mount("devpts", "/dev/pts", "devpts", linux.MS_NOSUID | linux.MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620")
    os.chdir(WORKSPACE)
    files = Layer("files", True, "private read-only root; workspace, /tmp and /dev/shm in memory")
    return [files, Layer("own /proc", False, "/proc shows some files about the machine only")] if proc.held else [files]


def private_files(root: str, allowance: Allowance, in_tmp: Sequence[str]) -> None:
    """An empty workspace, /tmp and /dev/shm in the tree `root` (empty for `/`), out of one budget of bytes and
    inodes. `in_tmp`: read-only folders that are shown below /tmp, in the new one too.
    """
    base = Path(f"{root}{HOME}/{_BASE}")
    room = f"size={allowance.workspace},nr_inodes={allowance.inodes}"
    linux.mount("tmpfs", str(base), "tmpfs", _PLAIN, f"{room},mode=0755")
    for name, mode in FOLDERS.items():
        (base / name).mkdir()
        (base / name).chmod(mode)
    for path in in_tmp:  # as long as the /tmp that has it is not covered
        (target := base / Path(path).relative_to("/")).mkdir(parents=True, exist_ok=True)
        linux.mount(path, str(target), flags=linux.MS_BIND | linux.MS_REC)
    for name in sorted(FOLDERS, key=_BASE.__eq__):  # the last covers the base itself, of which nothing else is needed
        linux.mount(str(base / name), f"{root}{HOME}/{name}", flags=linux.MS_BIND | linux.MS_REC)


def own_network() -> Layer:
    """Nothing but a loopback of the session's own; the namespace itself came with `fork_into`."""
    linux.raise_loopback()
    return Layer("network", True, "none but its own loopback")


def open_network(resolver: str) -> Layer:
    """The host's network, asked for by name; /etc/resolv.conf is shown, so that names resolve."""
    copy = Path("/tmp/.resolv.conf")  # noqa: S108 (the session's own)
    copy.write_text(resolver)
    linux.mount(str(copy), "/etc/resolv.conf", flags=linux.MS_BIND)
    return Layer("network", False, "open, as asked: the host's network, services on its loopback included")


@dataclass(frozen=True, slots=True, kw_only=True)
class Confinement:
    """Of the forms with namespaces and with nothing; `filtered.Filtered` is that of the third."""

    allowance: Allowance
    isolated: bool  # False for the plain form: only what protects from accidents
    proc: Proc = MOUNTED
    keeps: Sequence[int] = OF_WORKER  # capabilities; a box that somebody else has made has none to keep
    writable: Sequence[str] = _WRITABLE

    def close(self) -> list[Layer]:
        linux.set_dumpable(True)  # its own /proc files belong to it again; pid 1's do not
        be_first_to_go(self.proc)
        self.proc.let_go()
        limit_resources(self.allowance, count_processes=self.isolated)
        layers = [
            Layer(
                "resources", True, f"{self.allowance.memory:,} bytes per process, {self.allowance.processes} processes"
            )
        ]
        linux.set_no_new_privileges()
        if self.isolated:
            linux.drop_capabilities(keep=self.keeps)
            layers += [tried("landlock", partial(_landlock, self.writable)), tried("seccomp", _seccomp)]
        return layers


def limit_resources(allowance: Allowance, *, count_processes: bool) -> None:
    """What the kernel counts per process; processes are counted per user namespace, and without one per user of the
    host.
    """
    values = {
        resource.RLIMIT_DATA: allowance.memory,
        **({resource.RLIMIT_NPROC: allowance.processes} if count_processes else {}),
        resource.RLIMIT_NOFILE: allowance.open_files,
        resource.RLIMIT_FSIZE: allowance.workspace,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 0,
    }
    for kind, value in values.items():
        _, hard = resource.getrlimit(kind)
        most = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (most, most))


def be_first_to_go(proc: Proc) -> None:
    """When the machine runs out of memory, the kernel takes an agent's process before anything of the host."""
    proc.write("self/oom_score_adj", "800")


def prepare() -> None:
    """For the server: make what can be made once, and take the first, slow steps through the libraries."""
    syscalls.program()
    with contextlib.suppress(OSError):  # a kernel without it; `_landlock` reports that
        _rules(_WRITABLE).close()


def tried(name: str, close: Callable[[], str]) -> Layer:
    """A layer that may be missing, as far as the host can do without it."""
    try:
        return Layer(name, True, close())
    except OSError as error:
        return Layer(name, False, str(error))


def _landlock(writable: Sequence[str]) -> str:
    """Writing only below the session's own folders, signals and abstract sockets only within the worker's own kin.

    Reading is for the private root to limit. TCP rules are left alone: they would stop the session's own loopback.
    """
    with _rules(writable) as rules:
        rules.restrict()
        scoped = ", scoped signals" if rules.scoped else ""
        return f"ABI {rules.abi_version}: writing only in the session's own folders{scoped}"


def _rules(writable: Sequence[str]) -> landlock.Ruleset:
    reading = landlock.AccessFS.EXECUTE | landlock.AccessFS.READ_FILE | landlock.AccessFS.READ_DIR
    writing = landlock.fs_for_abi(landlock.abi_version()) & ~reading
    scopes = landlock.Scope.SIGNAL | landlock.Scope.ABSTRACT_UNIX_SOCKET
    rules = landlock.Ruleset(handled_fs=writing, handled_net=landlock.AccessNet.NONE, scoped=scopes)
    for path in filter(os.path.exists, writable):
        rules.allow_path(path, writing)
    for path in filter(os.path.exists, _DEVICES):
        rules.allow_path(path, landlock.AccessFS.WRITE_FILE | landlock.AccessFS.TRUNCATE | landlock.AccessFS.IOCTL_DEV)
    return rules


def _seccomp() -> str:
    linux.load_filter(syscalls.program())
    return "system calls by list"
