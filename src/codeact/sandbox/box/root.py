"""The private, read-only root in which a server and its sessions live: an allow list, never `/`.

Covers: what is not listed here does not exist inside (homes, sockets in /run, /var, /sys, other projects, keys in
/etc). Does not cover: secrets that someone has put below the listed trees (`/usr`, the interpreter and its packages);
those are readable inside.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from . import linux, proc
from .proc import Proc

HOME = "/box"  # of all that a session may write; a plain folder, on whose subfolders its files are mounted
WORKSPACE = "/box/work"
FOLDERS = {"work": 0o755, "tmp": 0o1777, "shm": 0o1777}  # below HOME, with their modes; /tmp and /dev/shm lead there
BRANCHES = "/branches"  # where a session's init mounts the roots of its branches
USER_ID = 1000  # inside a session, whatever it is outside

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store")
_ETC = ("ld.so.cache", "alternatives", "fonts", "localtime", "mime.types", "ssl/certs", "ssl/openssl.cnf")
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_LINKS = {
    "tmp": "box/tmp",
    "dev/shm": "../box/shm",
    "dev/fd": "/proc/self/fd",
    "dev/stdin": "fd/0",
    "dev/stdout": "fd/1",
    "dev/stderr": "fd/2",
    "dev/ptmx": "pts/ptmx",
}
_FILES = {
    "passwd": f"root:x:0:0:root:/:/bin/sh\nuser:x:{USER_ID}:{USER_ID}:user:{WORKSPACE}:/bin/sh\n",
    "group": f"root:x:0:\nuser:x:{USER_ID}:\n",
    "hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    "resolv.conf": "",
}
_TOO_WIDE = frozenset(map(Path, ("/", "/etc", "/home", "/root", "/run", "/tmp", "/var")))  # noqa: S108 (names, not used as files)
_OLD, _NEW = Path("/old"), Path("/new")
_PLAIN = linux.MS_NOSUID | linux.MS_NODEV


class TooWideError(OSError):
    """The interpreter lies in a folder that cannot be shown without showing what no box may see."""


class NoProcError(OSError):
    """No new /proc may be mounted here: this is a container that has covered parts of its own. Or it cannot be done
    without.
    """


@dataclass(frozen=True, slots=True)
class Root:
    """What sessions have to know of the root that they live in."""

    shown: tuple[str, ...] = ()  # of a private one: what is below /tmp, to be shown again in a /tmp of a session's own
    proc: Proc = proc.MOUNTED


def enter(box: Path, packages: Iterable[Path], *, own_proc: bool = True) -> Root:
    """Make the root and move into it. `box` is the folder of this code, `packages` are more folders to show. Without an
    `own_proc` the root has none, and the one of before is held.

    Needs CAP_SYS_ADMIN over a mount namespace of one's own, and a pid namespace of one's own for /proc.

    Raises:
        OSError: this host does not allow one of the mounts. NoProcError, TooWideError: see there.
    """
    shown = _plan([box, *_interpreter(), *packages])
    linux.mount("", "/", flags=linux.MS_REC | linux.MS_PRIVATE)
    _step_aside()
    for name in ("etc", "dev/pts", "proc", *(f"box/{name}" for name in FOLDERS), BRANCHES.lstrip("/")):
        (_NEW / name).mkdir(parents=True)
    _make_etc()
    _make_dev()
    try:
        process_files = _make_proc() if own_proc else _hold_proc()
    except OSError as error:
        raise NoProcError(error.errno, error.strerror) from error
    for name in ("tmp", "shm"):  # for the server's imports; each session covers them with its own
        linux.mount("tmpfs", f"/new/box/{name}", "tmpfs", _PLAIN, "size=64m,mode=1777")
    for target, source in shown.items():
        _show(source, target)
    for place in {box, box.resolve()}:
        _cover_package(place, box)
    os.chdir(_NEW)
    linux.pivot_root(".", ".")
    linux.unmount(".")
    os.chdir("/")
    linux.make_read_only("/", recursive=False)
    return Root(tuple(str(target) for target in shown if target.is_relative_to("/tmp")), process_files)  # noqa: S108


def readable(box: Path, packages: Iterable[Path]) -> tuple[str, ...]:
    """What `enter` would show of this host, for a form that has no root of its own.

    Raises:
        TooWideError: as `enter`.
    """
    return tuple(dict.fromkeys(str(source) for source in _plan([box, *_interpreter(), *packages]).values()))


def _interpreter() -> list[Path]:
    """The folders this interpreter needs: its prefixes, and where its program really is."""
    prefixes = [sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix]
    program = Path(sys.executable).resolve()
    if not any(program.is_relative_to(Path(prefix).resolve()) for prefix in prefixes):
        prefixes.append(str(program.parent))
    return [Path(prefix) for prefix in prefixes]


def _plan(trees: Iterable[Path]) -> dict[Path, Path]:
    """Where to show what: target to source, outer folders first. Resolved now, because links lead astray once the root
    has changed.
    """
    system = {Path(tree): Path(tree) for tree in _SYSTEM}
    wanted = {path: tree.resolve() for tree in trees for path in (tree, tree.resolve())}
    if wide := [path for path in wanted if too_wide(path, _own_home())]:
        raise TooWideError(
            f"{str(min(wide))!r} holds the interpreter but is too wide to be shown in a box; "
            "use a virtual environment in a folder of its own, such as .venv in the project"
        )
    plan = dict[Path, Path]()
    for target, source in sorted({**wanted, **system}.items(), key=lambda pair: len(pair[0].parts)):
        if not any(target.is_relative_to(other) and source.is_relative_to(plan[other]) for other in plan):
            plan[target] = source
    etc = {Path("/etc") / name: Path("/etc", name).resolve() for name in _ETC}
    return {**plan, **etc}


def too_wide(path: Path, home: Path | None) -> bool:
    """Whether a folder holds what no box may see: somebody's home, or a folder of the system that mixes everything."""
    if path in _TOO_WIDE or path.parent == Path("/home"):
        return True
    if home is None or any(home.is_relative_to(tree) for tree in _SYSTEM):  # a service's, which is no secret
        return False
    return home.is_relative_to(path)


def _own_home() -> Path | None:
    with contextlib.suppress(KeyError):  # a user without an entry, in a container
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    return None


def _step_aside() -> None:
    """Go to an empty root, with the old one at /old, so that no mount point can hide what is bound later."""
    aside = Path("/tmp")  # noqa: S108 (covered by a mount of our own first)
    linux.mount("tmpfs", str(aside), "tmpfs", _PLAIN, "mode=0755")
    for name in ("old", "new"):
        (aside / name).mkdir()
    linux.pivot_root(str(aside), str(aside / "old"))
    os.chdir("/")
    linux.mount("tmpfs", str(_NEW), "tmpfs", _PLAIN, "size=16m,mode=0755")


def _show(source: Path, target: Path) -> None:
    """Bind a path of the old root in the new one, read-only. Links stay links; what this host lacks is left out."""
    old, new = _OLD / source.relative_to("/"), _NEW / target.relative_to("/")
    if old.is_symlink():
        new.parent.mkdir(parents=True, exist_ok=True)
        new.symlink_to(old.readlink())
    elif old.is_dir():
        new.mkdir(parents=True, exist_ok=True)
        _bind(old, new)
    elif old.exists():
        new.parent.mkdir(parents=True, exist_ok=True)
        new.touch()
        _bind(old, new)


def _cover_package(place: Path, box: Path) -> None:
    """Hide the package that this code belongs to, all but this code, where it lies in a tree that is shown.

    What it says is no secret, except for the answers of the tasks that an agent may be given.
    """
    package = _NEW / place.parent.parent.relative_to("/")
    if not (package / "__init__.py").exists():
        return
    linux.mount("tmpfs", str(package), "tmpfs", _PLAIN, "size=64k,mode=0755")
    (inner := _NEW / place.relative_to("/")).mkdir(parents=True)
    _bind(_OLD / box.resolve().relative_to("/"), inner)
    linux.make_read_only(str(package), recursive=False)


def _bind(source: Path, target: Path) -> None:
    linux.mount(str(source), str(target), flags=linux.MS_BIND | linux.MS_REC)
    linux.make_read_only(str(target))


def _make_proc() -> Proc:
    linux.mount("proc", "/new/proc", "proc", _PLAIN | linux.MS_NOEXEC)
    return proc.MOUNTED


def _hold_proc() -> Proc:
    """A folder in the place of /proc with what is harmless in the old one. Its files cannot be written by anybody."""
    for source in filter(Path.exists, (_OLD / "proc" / name for name in proc.OF_THE_MACHINE)):
        (file := _NEW / "proc" / source.name).touch()
        linux.mount(str(source), str(file), flags=linux.MS_BIND)
    return proc.hold(_OLD / "proc")


def _make_etc() -> None:
    for name, text in _FILES.items():
        (_NEW / "etc" / name).write_text(text)


def _make_dev() -> None:
    for name in _DEVICES:
        (device := _NEW / "dev" / name).touch()
        linux.mount(str(_OLD / "dev" / name), str(device), flags=linux.MS_BIND)
    for name, goal in _LINKS.items():
        (_NEW / name).symlink_to(goal)
