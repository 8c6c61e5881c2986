"""Control groups: what the kernel counts over all processes of a session together, and holds.

    v1   a hierarchy for each controller, for the host's root, as on older systems and in many virtual machines
    v2   one hierarchy; for whoever may write in it: root, or a user to whom systemd has delegated a part

A session's groups are made below the group of the host process, or beside it where version 2 forbids the former, so
that whatever bounds the host bounds its sessions too. A place is believed only after a group was made there and its
bounds were written. The name of a group tells its host, so that those of a killed one are removed by the next.

Covers: memory of all kinds (files in memory, memfd and shared memory included), the number of processes, a fair share
of the processor. Does not cover: bandwidth of memory and disks.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal

import anyio

Controller = Literal["memory", "pids", "cpu", "cpuacct"]
_KNOWN: tuple[Controller, ...] = ("memory", "pids", "cpu", "cpuacct")  # the last counts processor time
_ALWAYS: tuple[Controller, ...] = ("cpuacct",)  # what every group of version 2 has, under no name of its own

_PREFIX = "codeact-"
_SHARE = {1: "512", 2: "50"}  # of the processor: half of what others have by default, so that a host can always act
_MOST_PROCESSES = 1 << 22  # that the kernel lets one say
_TRIES, _PAUSE = 100, 0.02  # of removing a group, whose last process may still be ending; seconds
_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Place:
    version: int
    folder: Path


@dataclass(frozen=True, slots=True)
class Host:
    """Where this host process can make groups."""

    places: Mapping[Controller, Place] = field(default_factory=dict[Controller, Place])
    problem: str = ""  # why not for memory


@dataclass(frozen=True, slots=True)
class Group:
    """The groups of one session: of all its processes, and of those that they will start."""

    places: Mapping[Controller, Place] = field(default_factory=dict[Controller, Place])

    def cpu_seconds(self) -> float | None:
        """Processor time used by all processes together; None where nothing counts it."""
        place = self.places.get("cpuacct")
        if place is None:
            return None
        if place.version == 1:
            return int(read(place.folder / "cpuacct.usage") or 0) / 1e9
        return counts(place.folder / "cpu.stat").get("usage_usec", 0) / 1e6

    def memory_kills(self) -> int | None:
        """How many processes the kernel has killed because the session's memory was used up; None where nothing counts
        it.
        """
        place = self.places.get("memory")
        if place is None:
            return None
        return counts(place.folder / ("memory.oom_control" if place.version == 1 else "memory.events")).get("oom_kill")

    @contextlib.contextmanager
    def doors(self) -> Generator[Mapping[Path, int]]:
        """Descriptors of files for a process that is about to begin: by writing "0" to one it goes in by itself.

        To put another process in, the kernel waits until no processor is in the middle of anything, some 10 ms. In
        version 2 it does so in any case.
        """
        with contextlib.ExitStack() as stack:
            doors = dict[Path, int]()
            for place in self.places.values():
                if place.version == 1 and place.folder not in doors:
                    doors[place.folder] = fd = os.open(place.folder / "tasks", os.O_WRONLY | os.O_CLOEXEC)
                    stack.callback(os.close, fd)
            yield doors

    def take(self, pid: int, *, but: Collection[Path] = ()) -> None:
        """Put a process in, and all that it will start. `but`: where it goes by itself.

        Raises:
            OSError: the kernel does not allow it after all.
        """
        for folder in _folders(self.places):
            if folder not in but:
                (folder / "cgroup.procs").write_text(str(pid))

    async def remove(self) -> None:
        """When its processes are gone; they may take a moment to leave the books."""
        with anyio.CancelScope(shield=True):
            for folder in _folders(self.places):
                for _ in range(_TRIES):
                    if _removed(folder):
                        break
                    await anyio.sleep(_PAUSE)


def make(host: Host, *, memory: int, processes: int) -> Group:
    """Groups for one session, bounded as far as this host has controllers.

    Raises:
        OSError: the kernel does not allow it after all; nothing is left of it.
    """
    name, bounds = f"{_PREFIX}{_own_mark()}-{next(_numbers)}", {"memory": memory, "pids": processes}
    group = Group({controller: Place(at.version, at.folder / name) for controller, at in host.places.items()})
    try:
        for folder in _folders(group.places):
            folder.mkdir()
        for controller, place in group.places.items():
            _bound(place, controller, bounds.get(controller, 0))
    except OSError:
        for folder in _folders(group.places):
            _removed(folder)
        raise
    return group


@cache
def host() -> Host:
    """Where this process can make groups; tried once. Removes what killed hosts have left there."""
    return look(*(read(Path("/proc/self", name)) for name in ("mountinfo", "cgroup")))


def look(mounts: str, own: str) -> Host:
    """Try the groups of a process. `mounts` and `own` are its mountinfo and its cgroup, as /proc has them."""
    found, problems = dict[Controller, Place](), list[str]()
    for place, controllers in _own_groups(mounts, own):
        try:
            place, usable = (place, controllers) if place.version == 1 else _divided(place)
            _try(place, usable)
        except OSError as error:
            if place.version == 2 or "memory" in controllers:
                problems.append(f"{place.folder}: {error.strerror}")
            continue
        _remove_stale(place.folder)
        for controller in usable - found.keys():
            found[controller] = place
    if "memory" in found:
        return Host(found)
    return Host(found, "; ".join(problems) or "this host has no control group that counts memory")


def _own_groups(mounts: str, own: str) -> Iterator[tuple[Place, frozenset[Controller]]]:
    """The group of the process in each hierarchy; with the controllers, of version 1."""
    groups = [line.split(":", 2) for line in own.splitlines()]
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        (root, point), (kind, _, options) = before.split()[3:5], after.split(None, 2)
        version = {"cgroup": 1, "cgroup2": 2}.get(kind)
        for _, names, path in groups if version else ():
            mine = bool(set(names.split(",")) & set(options.split(","))) if version == 1 else not names
            known = _known(names.split(","))
            if version and mine and (known or version == 2) and Path(path).is_relative_to(root):
                yield Place(version, Path(point, Path(path).relative_to(root))), known


def _divided(own: Place) -> tuple[Place, frozenset[Controller]]:
    """The group itself if groups that count memory can be made in it, else the one above it.

    Version 2 gives controllers to the groups in a group only while that has no processes of its own, so the former is
    for the root of the hierarchy. The latter needs a parent that is ours too: a systemd scope of a user has that.

    Raises:
        OSError: neither allows groups.
    """
    problems, found = list[OSError](), list[tuple[Place, frozenset[Controller]]]()
    for folder in (own.folder, own.folder.parent):
        if folder == own.folder or (folder / "cgroup.procs").exists():  # not above the hierarchy
            try:
                found.append((Place(2, folder), _given(folder)))
            except OSError as error:
                problems.append(error)
    if not found:
        raise problems[0]
    return max(found, key=lambda each: "memory" in each[1])


def _given(folder: Path) -> frozenset[Controller]:
    """Have the groups in a folder of version 2 get all of its controllers. Raises OSError where that is not allowed."""
    controllers = _known(read(folder / "cgroup.controllers").split())
    switch = folder / "cgroup.subtree_control"
    for name in controllers.difference(read(switch).split()):
        switch.write_text(f"+{name}")
    _try(Place(2, folder), controllers)
    return controllers.union(_ALWAYS)


def _try(place: Place, controllers: Iterable[Controller]) -> None:
    """Make a group and write its bounds."""
    (folder := place.folder / f"{_PREFIX}{_own_mark()}-try").mkdir()
    try:
        for controller in controllers:
            _bound(Place(place.version, folder), controller, 1 << 30)
    finally:
        folder.rmdir()


def _bound(group: Place, controller: Controller, value: int) -> None:
    match group.version, controller:
        case 1, "memory":
            (group.folder / "memory.limit_in_bytes").write_text(str(value))
            _without_swap(group.folder / "memory.memsw.limit_in_bytes", str(value))
        case _, "memory":
            (group.folder / "memory.max").write_text(str(value))
            _without_swap(group.folder / "memory.swap.max", "0")
        case _, "pids":
            (group.folder / "pids.max").write_text(str(min(value, _MOST_PROCESSES)))
        case version, "cpu":
            (group.folder / ("cpu.shares" if version == 1 else "cpu.weight")).write_text(_SHARE[version])
        case _:
            pass  # only counts


def _without_swap(file: Path, value: str) -> None:
    with contextlib.suppress(FileNotFoundError, PermissionError):  # a kernel that has no swap, or does not count it
        file.write_text(value)


def _own_mark() -> str:
    """Tells this process from every other that there is or was: by its pid namespace, its pid, its start."""
    return f"{_namespace()}.{os.getpid()}.{start_of(os.getpid())}"


def _remove_stale(folder: Path) -> None:
    """The groups of hosts that are gone. A group with a process in it cannot be removed, so trying harms nobody."""
    for stale in folder.glob(f"{_PREFIX}*.*.*-*"):
        namespace, pid, start = stale.name.removeprefix(_PREFIX).rpartition("-")[0].split(".")
        if namespace == _namespace() and pid.isdigit() and start != start_of(int(pid)):
            _removed(stale)


def _namespace() -> str:
    return str(Path("/proc/self/ns/pid").stat().st_ino)


def start_of(pid: int) -> str:
    """When a process has started, as the kernel counts it; empty when there is none, or one that waits for burial."""
    after_the_name = read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    return after_the_name[19] if after_the_name and after_the_name[0] != "Z" else ""


def _removed(folder: Path) -> bool:
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:  # still has a process
        return False
    return True


def _folders(places: Mapping[Controller, Place]) -> list[Path]:
    """Each once: of version 2, all controllers have the same."""
    return list(dict.fromkeys(place.folder for place in places.values()))


def _known(names: Iterable[str]) -> frozenset[Controller]:
    given = set(names)
    return frozenset(name for name in _KNOWN if name in given)


def read(path: Path) -> str:
    """The text of a small file of the kernel's; empty where it cannot be read. Asked for with every action, so without
    the layers of `open`.
    """
    found = bytearray()
    with contextlib.suppress(OSError):
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            while chunk := os.read(fd, 1 << 16):
                found += chunk
        finally:
            os.close(fd)
    return found.decode("utf-8", "replace")


def counts(path: Path) -> dict[str, int]:
    """From lines of a name and a number."""
    lines = [line.split() for line in read(path).splitlines()]
    return {line[0]: int(line[1]) for line in lines if len(line) == 2}
