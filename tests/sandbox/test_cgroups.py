"""Control groups: made for real where this process may, and read from folders of the kernel's form where not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import anyio
import pytest

from codeact.sandbox import cgroups
from codeact.sandbox.base import Limits
from codeact.sandbox.cgroups import Group, Host, Place
from codeact.sandbox.meter import Bounds

pytestmark = pytest.mark.anyio

MiB = 1 << 20
MOUNTS = """\
25 1 8:1 / / rw - ext4 /dev/vda rw
32 31 0:29 / {root}/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 /docker/abc {root}/memory rw,relatime - cgroup cgroup rw,memory
41 31 0:38 / {root}/unified rw,relatime - cgroup2 cgroup2 rw,nsdelegate
"""
OWN = "4:memory:/docker/abc\n3:cpuset:/elsewhere\n1:cpu,cpuacct:/user\n0::/user/scope\n"


@pytest.fixture
def host() -> Host:
    found = cgroups.host()
    if found.problem:
        pytest.skip(f"no control groups for this user: {found.problem}")
    return found


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield process
        process.kill()


async def test_a_group_holds_a_process_and_goes_with_it(host: Host, child: subprocess.Popen[bytes]) -> None:
    group = cgroups.make(host, memory=64 * MiB, processes=7)
    group.take(child.pid)
    folders = {place.folder for place in group.places.values()}
    assert all(folder.name in cgroups.read(Path(f"/proc/{child.pid}/cgroup")) for folder in folders)
    assert group.memory_kills() == 0
    assert group.cpu_seconds() is None or group.cpu_seconds() >= 0  # type: ignore[operator]
    child.send_signal(signal.SIGKILL)
    await group.remove()
    assert [folder for folder in folders if folder.exists()] == []


async def test_what_a_killed_host_has_left_is_removed_by_the_next(host: Host, child: subprocess.Popen[bytes]) -> None:
    code = (
        "import os\nfrom codeact.sandbox import cgroups\n"
        "group = cgroups.make(cgroups.host(), memory=1 << 30, processes=50)\ngroup.take(os.getpid())\n"
        "print(*{str(place.folder) for place in group.places.values()}, flush=True)\nos.kill(os.getpid(), 9)"
    )
    done = await anyio.run_process([sys.executable, "-c", code], check=False)
    left = [Path(word) for word in done.stdout.decode().split()]
    assert left
    assert all(folder.exists() for folder in left)
    mine = cgroups.make(host, memory=1 << 30, processes=5)
    mine.take(child.pid)
    cgroups.look(*(cgroups.read(Path("/proc/self", name)) for name in ("mountinfo", "cgroup")))
    assert [folder for folder in left if folder.exists()] == []
    assert all(place.folder.exists() for place in mine.places.values())  # of a host that lives
    child.send_signal(signal.SIGKILL)
    await mine.remove()


async def test_a_process_goes_in_by_itself(host: Host) -> None:
    group = cgroups.make(host, memory=64 * MiB, processes=7)
    with group.doors() as doors, _going_through(doors.values()) as process:
        inside = [folder for folder in doors if str(process.pid) in cgroups.read(folder / "cgroup.procs").split()]
        assert inside == list(doors) == [at.folder for at in group.places.values() if at.version == 1]
        process.kill()
    await group.remove()


def _going_through(doors: Iterable[int]) -> subprocess.Popen[bytes]:
    code = "import os, sys\nfor fd in sys.argv[1:]:\n    os.write(int(fd), b'0')\nprint(end='in', flush=True)\ninput()"
    program = [sys.executable, "-c", code, *map(str, doors)]
    process = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=tuple(doors))
    assert process.stdout
    assert process.stdout.read(2) == b"in"
    return process


async def test_a_process_that_is_gone_leaves_no_group_and_is_not_held(host: Host) -> None:
    before = {place.folder: set(place.folder.glob("codeact-*")) for place in host.places.values()}
    meter = await Bounds(Limits()).around(1 << 22)
    assert [row[1] for row in meter.layers] == [False]
    assert "No such process" in meter.layers[0][2]
    assert {place.folder: set(place.folder.glob("codeact-*")) for place in host.places.values()} == before


def test_a_group_that_cannot_be_bounded_leaves_nothing(host: Host) -> None:
    before = {place.folder: set(place.folder.glob("codeact-*")) for place in host.places.values()}
    with pytest.raises(OSError, match="Invalid argument"):
        cgroups.make(host, memory=-5, processes=7)
    assert {place.folder: set(place.folder.glob("codeact-*")) for place in host.places.values()} == before


def test_places_come_from_the_mounts_of_the_process_own_groups(tmp_path: Path) -> None:
    """They do not exist here, so each is refused, and the refusal names where it was tried."""
    found = cgroups.look(MOUNTS.format(root=tmp_path), OWN)
    assert found.places == {}
    assert f"{tmp_path}/memory: No such file" in found.problem
    assert f"{tmp_path}/unified/user/scope: No such file" in found.problem
    assert "cpu" not in found.problem  # nothing that matters for memory
    assert (
        "no control group that counts memory" in cgroups.look("25 1 8:1 / / rw - ext4 /dev/vda rw\n", "0::/\n").problem
    )


def test_version_2_counts_are_read_as_the_kernel_writes_them(tmp_path: Path) -> None:
    """A folder of files in the place of a delegated group; no group of version 2 on this machine counts memory."""
    group = Group(dict.fromkeys(("memory", "cpuacct"), Place(2, tmp_path)))  # type: ignore[arg-type]
    (tmp_path / "memory.events").write_text("low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 0\n")
    (tmp_path / "cpu.stat").write_text("usage_usec 2500000\nuser_usec 1\nsystem_usec 1\n")
    assert (group.memory_kills(), group.cpu_seconds()) == (2, 2.5)
    (tmp_path / "memory.events").unlink()
    assert group.memory_kills() is None


@pytest.mark.skipif(os.getuid() != 0, reason="version 2 is written by root here")
def test_version_2_for_real() -> None:
    """Whatever controllers it has, moving, counting and removing work as the code expects."""
    found = cgroups.look(
        "".join(line for line in Path("/proc/self/mountinfo").read_text().splitlines(True) if "- cgroup2 " in line),
        Path("/proc/self/cgroup").read_text(),
    )
    if "cpuacct" not in found.places:
        pytest.skip(f"version 2 cannot be written: {found.problem}")
    with subprocess.Popen(["sleep", "100"]) as process:
        group = cgroups.make(found, memory=1 << 30, processes=5)
        group.take(process.pid)
        assert group.cpu_seconds() is not None
        assert group.places["cpuacct"].folder.name in Path(f"/proc/{process.pid}/cgroup").read_text()
        process.kill()
    group.places["cpuacct"].folder.rmdir()
