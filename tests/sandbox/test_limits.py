"""Each limit, met for real: a result that says so, and neither the session nor its neighbour is lost by it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from codeact.errors import UsageError
from codeact.sandbox import Limits, cgroups
from codeact.sandbox.kin import Kin
from codeact.sandbox.local import LocalSandbox
from codeact.sandbox.plain import SubprocessSandbox

pytestmark = pytest.mark.anyio

MiB = 1 << 20
PATIENT = 30.0  # seconds
SMALL = Limits(memory=400 * MiB, total_memory=500 * MiB, workspace=64 * MiB)


@pytest.fixture(scope="module")
async def bare(anyio_backend: str) -> AsyncIterator[LocalSandbox]:
    """Without the data stack, of which these tests need nothing."""
    async with LocalSandbox(preload=()) as sandbox:
        yield sandbox


@pytest.fixture
def groups() -> None:
    if problem := cgroups.host().problem:
        pytest.skip(f"no control groups for this user: {problem}")


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        ({"memory": -1}, "memory=-1 is too low to run anything; give at least 67,108,864"),
        ({"cpu_time": 0}, "cpu_time=0 is too low"),
        ({"cpu_time": float("nan")}, "cpu_time=nan is too low"),
        ({"processes": 0}, "processes=0 is too low"),
        ({"inodes": 1}, "inodes=1 is too low"),
        ({"output": -5}, "output=-5 is too low"),
        (
            {"total_memory": 2048 * MiB},
            r"memory=4,294,967,296 \(bytes per process\) is above total_memory=2,147,483,648",
        ),
        (
            {"memory": 512 * MiB, "total_memory": 1024 * MiB},
            "workspace=1,073,741,824 leaves too little of total_memory",
        ),
    ],
)
def test_limits_that_make_no_sense_are_refused(limits: Mapping[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        Limits(**limits)


async def test_less_memory_than_the_libraries_take_is_refused(bare: LocalSandbox, server: LocalSandbox) -> None:
    limits = Limits(memory=64 * MiB)
    async with bare.open(limits=limits) as session:
        assert (await session.run("6 * 7")).value == "42"
    with pytest.raises(UsageError, match=r"memory=67,108,864 is too low: the interpreter and the libraries .* need"):
        async with server.open(limits=limits):
            pass
    async with server.open() as session:
        assert (await session.run("6 * 7")).value == "42"


async def test_too_much_memory_in_one_process_is_an_exception_and_the_state_is_kept(bare: LocalSandbox) -> None:
    async with bare.open(limits=SMALL) as session:
        result = await session.run("x = 1\ny = bytearray(1 << 30)")
        assert result.error is not None
        assert (result.error.kind, result.state) == ("out_of_memory", "kept")
        assert (await session.run("x")).value == "1"


@pytest.mark.parametrize(
    "take",
    [
        "import mmap\nm = mmap.mmap(-1, 600 << 20)\nfor i in range(0, len(m), 4096): m[i] = 1",
        "import os\nfs = [os.memfd_create(str(n)) for n in range(12)]\nfor f in fs: os.write(f, bytes(50 << 20))",
    ],
    ids=["shared memory", "files in memory"],
)
async def test_memory_that_no_process_is_charged_for_is_counted_in_total(
    bare: LocalSandbox, take: str, groups: None
) -> None:
    async with bare.open(limits=SMALL) as session, bare.open() as neighbour:
        await neighbour.run("x = 'untouched'")
        result = await session.run(take, time_limit=PATIENT)
        assert result.error is not None
        assert (result.error.kind, result.state) == ("out_of_memory", "restored")
        assert "memory of this session was used up" in result.error.message
        assert (await session.run("6 * 7")).value == "42"
        assert (await neighbour.run("x")).value == "'untouched'"


CHILDREN = (
    "import os, time\npids = []\nfor _ in range(4):\n    if not (pid := os.fork()):\n        x = bytearray(200 << 20)\n"
    "        time.sleep(99)\n    pids.append(pid)\nos.wait()"
)


async def test_children_that_take_too_much_together_are_killed_and_that_is_said(
    bare: LocalSandbox, groups: None
) -> None:
    async with bare.open(limits=SMALL) as session:
        result = await session.run(f"y = 1\n{CHILDREN}", time_limit=PATIENT)
        assert (result.error, result.state) == (None, "kept")
        assert "[sandbox] the memory of this session was used up" in result.stderr
        assert (await session.run("y")).value == "1"


@pytest.mark.parametrize("kind", ["local", "subprocess"])
@pytest.mark.parametrize(
    "code",
    [
        "while True: pass",
        "import subprocess as s\np = [s.Popen(['sh', '-c', 'while :; do :; done']) for _ in range(3)]; p[0].wait()",
        "import threading as t\nfor _ in range(3): t.Thread(target=sum, args=(range(10**12),), daemon=True).start()\n"
        "while True: pass",
    ],
    ids=["a loop", "children", "threads"],
)
async def test_processor_time_is_bounded_over_all_processes(bare: LocalSandbox, kind: str, code: str) -> None:
    sandbox = bare if kind == "local" else SubprocessSandbox(preload=())
    async with sandbox.open(limits=Limits(cpu_time=0.5)) as session:
        result = await session.run(code, time_limit=100)
        assert result.error is not None
        assert (result.error.kind, result.error.name) == ("timeout", "TimeoutError")
        assert "all the processor time" in result.error.message
        await session.reset()
        assert (await session.run("import time; time.sleep(1)")).error is None  # which uses none


KERNEL = Limits(open_files=64, processes=10, workspace=8 * MiB, inodes=100)
PROCESSES = "This session may run 10 processes and threads at a time"
MET = {
    "import subprocess as s\nps = [s.Popen(['sleep', '99']) for _ in range(20)]": ("BlockingIOError", PROCESSES),
    "import os\nwhile True:\n    if not os.fork(): os.execlp('sleep', 'sleep', '99')": ("BlockingIOError", PROCESSES),
    "import threading as t, time\nwhile True: t.Thread(target=time.sleep, args=(9,), daemon=True).start()": (
        *("RuntimeError", PROCESSES),
    ),
    "fs = []\ntry:\n    while True: fs.append(open('/dev/null'))\nfinally: fs.clear()": (
        *("OSError", "A process may have 64 files open at a time here"),
    ),
    "open('/tmp/big', 'wb').write(bytes(9 << 20))": ("OSError", "A file may have 8,388,608 bytes here"),
    "for n in range(3): open(f'{n}', 'wb').write(bytes(3 << 20))": (
        *("OSError", "The files of this session may take 8,388,608 bytes, those in /tmp included"),
    ),
    "for n in range(200): open(f'/tmp/{n}' if n % 2 else f'{n}', 'w').close()": (
        *("OSError", "This session may have 100 files, and has so many; remove some"),
    ),
}


@pytest.mark.parametrize("code", MET)
async def test_a_limit_of_the_kernels_is_named_with_what_to_do(bare: LocalSandbox, code: str) -> None:
    name, says = MET[code]
    async with bare.open(limits=KERNEL) as session:
        error = (await session.run(code)).error
        assert error is not None
        assert error.name == name
        assert says in error.message
        assert says in error.traceback
        assert (await session.run("import os, glob; [os.remove(f) for f in glob.glob('*')]; 6 * 7")).error is None


async def test_an_error_that_only_looks_like_a_limit_is_told_as_it_is(bare: LocalSandbox) -> None:
    async with bare.open() as session:
        error = (await session.run("import socket\na, b = socket.socketpair(); a.setblocking(False); a.recv(1)")).error
    assert error is not None
    assert (error.name, error.message) == ("BlockingIOError", "[Errno 11] Resource temporarily unavailable")


WATCHED = """
import anyio, sys
from codeact.sandbox import Limits, cgroups
from codeact.sandbox.box import linux
from codeact.sandbox.local import LocalSandbox
if sys.argv[1] == "hide":
    linux.unshare(linux.NEWNS)
    linux.mount("", "/", flags=linux.MS_REC | linux.MS_PRIVATE)
    linux.mount("tmpfs", "/sys/fs/cgroup", "tmpfs")
async def main():
    limits = Limits(memory=400 << 20, total_memory=500 << 20, workspace=64 << 20, cpu_time=20)
    async with LocalSandbox(preload=()).open(limits=limits) as session:
        (layer,) = [layer for layer in session.isolation.layers if layer.name == "total memory"]
        print(layer.active, layer.detail, layer.remedy)
        taken = "m = mmap.mmap(-1, 600 << 20)\\nfor i in range(0, len(m), 4096): m[i] = 1"
        result = await session.run(f"import mmap, time\\n{taken}\\ntime.sleep(99)", time_limit=60)
        print(result.error.kind, result.state)
        result = await session.run("y = 1\\n" + sys.argv[2], time_limit=60)
        print(result.error, result.state, result.stderr.strip())
        print((await session.run("y")).value)
anyio.run(main)
"""


def test_without_control_groups_memory_is_watched_and_that_is_said() -> None:
    """For root by a mount of its own over the control groups; an ordinary user has none that count memory, mostly."""
    hide = "hide" if os.getuid() == 0 else ""
    if not hide and not cgroups.host().problem:
        pytest.skip("this user has control groups and cannot hide them")
    command = [sys.executable, "-c", WATCHED, hide, CHILDREN]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    layer, alone, children, value = done.stdout.splitlines()
    assert layer.startswith("False 524,288,000 bytes for all processes and files, only watched, every 0.5 seconds (")
    assert "systemd-run --user --scope" in layer
    assert alone == "out_of_memory restored"
    assert children.startswith("None kept [sandbox] the memory of this session was used up")
    assert value == "1"


def test_the_sums_of_a_family_are_those_of_its_members() -> None:
    code = (
        "import os, time\nif os.fork() == 0:\n    x = bytearray(50 << 20); sum(range(10**6)); print('ok', flush=True)\n"
        "    time.sleep(99)\nelse: os.wait()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        kin = Kin(process.pid)
        assert 50 * MiB < kin.memory(0) <= kin.memory(1 << 40) < 200 * MiB
        assert kin.cpu_seconds() > 0
        assert kin.shrink(1 << 40) == 0
        assert kin.shrink(40 * MiB) == 1  # the child: never the first
        process.wait()
    assert (kin.memory(0), kin.cpu_seconds(), kin.shrink(0)) == (0, 0, 0)
