"""Nothing outlives a session: counted before and after many of them, and after the host was killed."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import pytest

from codeact.errors import UsageError
from codeact.sandbox import Allow, Limits, cgroups
from codeact.sandbox.cgroups import read
from codeact.sandbox.ladder import Form
from codeact.sandbox.local import LocalSandbox

from .conftest import no_filter
from .kin import below

pytestmark = pytest.mark.anyio

MiB = 1 << 20
GROWTH = 8 * MiB  # of a process that has nothing to keep: its allocator's, and no more after ten times as many sessions
DAEMON = "import subprocess; subprocess.Popen(['setsid', '-f', 'sleep', '1000']); open('/tmp/f', 'w').write('x')"
ENDINGS = ("1", f"{DAEMON}; import os; os._exit(1)", DAEMON, "import os; os.kill(-1, 9); os.mkdir('d')")


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.fixture(autouse=True)
def buried() -> None:
    """What other files' tests have left dead and unburied is not counted here."""
    for pid in below(os.getpid()):
        if not cgroups.start_of(pid):
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)


def groups(of: int) -> set[Path]:
    """The control groups that a host process has made."""
    places = {place.folder for place in cgroups.host().places.values()}
    return {folder for place in places for folder in place.glob(f"codeact-*.{of}.*")}


def things() -> dict[str, object]:
    """All that a session could leave behind on this machine, as far as it is ours."""
    servers = sorted(below(os.getpid()))
    return {
        "processes": servers,
        "descriptors": {pid: len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in (os.getpid(), *servers)},
        "mounts": {pid: len(read(Path(f"/proc/{pid}/mountinfo")).splitlines()) for pid in servers if apart(pid)},
        "groups": groups(os.getpid()),
        "files": set(Path(tempfile.gettempdir()).rglob("*")),
    }


def apart(pid: int) -> bool:
    """Whether a process has mounts of its own; the others' are the machine's."""
    return Path(f"/proc/{pid}/ns/mnt").stat().st_ino != Path("/proc/self/ns/mnt").stat().st_ino


async def settled() -> dict[str, object]:
    """What there is once the servers have buried the first processes of the sessions that are over."""
    with anyio.move_on_after(30):
        while not all(map(cgroups.start_of, below(os.getpid()))):  # noqa: ASYNC110 (nothing tells)
            await anyio.sleep(0.02)
    return things()


def private() -> dict[int, int]:
    """Bytes of memory of each process, its children left out."""
    return {
        pid: int(line.split()[1]) * 1024
        for pid in (os.getpid(), *below(os.getpid()))
        for line in read(Path(f"/proc/{pid}/status")).splitlines()
        if line.startswith("RssAnon:")
    }


async def use(sandbox: LocalSandbox, turn: int, form: Form) -> None:
    """One session, used and ended in one way or another."""
    proxied = form == "namespace" and turn % 3 == 2
    async with sandbox.open(network=Allow(hosts=("example.com",)) if proxied else "none") as session:
        await session.run(ENDINGS[turn % len(ENDINGS)])
        if turn % 5 == 4:
            await session.restore(await session.checkpoint())
            await session.put("file", bytes(MiB))
        if turn % 7 == 6 and form == "namespace":
            async with await session.fork() as branch:
                await branch.run("open('/tmp/g', 'w').write('x')")


def report(number: int, before: Mapping[str, Any], after: Mapping[str, Any], memory: Mapping[int, int]) -> str:
    """What was counted, for docs/security.md; `make leaks` shows it."""
    lines = [f"{'':30}{'before':>8}  after {number:,} sessions"]
    for name in before:
        counts = [found[name] if isinstance(found[name], dict) else {0: len(found[name])} for found in (before, after)]
        for pid in counts[0]:
            label = f"{name} of {role(pid)}" if pid else name
            lines.append(f"{label:30}{counts[0][pid]:>8}  {counts[1].get(pid, 0):>5}")
    now = private()
    return "\n".join(lines + [f"MiB of {role(pid):23}{memory[pid] / MiB:>8.1f}  {now[pid] / MiB:>5.1f}" for pid in now])


def role(pid: int) -> str:
    return "the host" if pid == os.getpid() else "the launcher" if below(pid) else "the server"


@pytest.mark.parametrize(
    ("form", "number"),
    [
        ("namespace", 40),
        ("filter", 12),
        pytest.param("namespace", 1000, marks=[pytest.mark.slow, pytest.mark.timeout(1200)]),
        pytest.param("filter", 1000, marks=[pytest.mark.slow, pytest.mark.timeout(1200)]),
    ],
)
async def test_sessions_on_a_warm_server_leave_nothing(form: Form, number: int) -> None:
    if form == "filter" and (reason := no_filter()):
        pytest.skip(reason)
    async with LocalSandbox(preload=(), require="filter", forms=[form], spares=0) as server:
        for turn in range(7):  # what is made once, on first use
            await use(server, turn, form)
        gc.collect()
        before, memory = await settled(), private()
        for start in range(0, number, 4):  # several at a time, as they are used
            async with anyio.create_task_group() as tasks:
                for turn in range(start, start + 4):
                    tasks.start_soon(use, server, turn, form)
        gc.collect()
        after = await settled()
        print(report(number, before, after, memory))
        assert after == before
        assert {pid: size for pid, size in private().items() if size > memory[pid] + GROWTH} == {}
    assert groups(os.getpid()) == set()


HOST = """
import anyio
from codeact.sandbox.local import LocalSandbox
async def main():
    async with LocalSandbox(preload=()) as server, anyio.create_task_group() as tasks:
        async def one(code):
            async with server.open() as session:
                await session.run("import subprocess; subprocess.Popen(['setsid', '-f', 'sleep', '4321'])")
                print("started", flush=True)
                await session.run(code, time_limit=1000)
        for code in ("while True: pass", "import time; time.sleep(1000)", "input", "sum(range(10**12))"):
            tasks.start_soon(one, code)
anyio.run(main)
"""


@pytest.fixture
def host() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen([sys.executable, "-c", HOST], stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def test_killing_the_host_in_the_middle_of_actions_leaves_nothing(host: subprocess.Popen[str]) -> None:
    assert host.stdout is not None
    assert [host.stdout.readline() for _ in range(4)] == ["started\n"] * 4
    started = {pid: start for pid in below(host.pid) if (start := cgroups.start_of(pid))}
    assert len(started) > 8
    made = groups(host.pid)
    host.send_signal(signal.SIGKILL)
    host.wait()
    deadline = time.monotonic() + 30
    while (alive := [pid for pid, start in started.items() if cgroups.start_of(pid) == start]) and (
        time.monotonic() < deadline
    ):
        time.sleep(0.05)
    assert [read(Path(f"/proc/{pid}/status")) for pid in alive] == []
    assert bool(made) != bool(cgroups.host().problem)
    cgroups.look(read(Path("/proc/self/mountinfo")), read(Path("/proc/self/cgroup")))  # as the next host does
    assert groups(host.pid) == set()


async def test_a_session_that_could_not_be_opened_leaves_nothing() -> None:
    async with LocalSandbox(spares=0) as server:
        async with server.open() as session:
            await session.run("1")
        before = await settled()
        for _ in range(5):
            with pytest.raises(UsageError, match="too low"):
                async with server.open(limits=Limits(memory=64 * MiB)):
                    pass
        with anyio.move_on_after(0.01):
            async with server.open():
                pass
        assert await settled() == before
