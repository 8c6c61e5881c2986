"""The level `filter`: what Landlock and seccomp hold by themselves, and that nothing of a session stays behind."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio
import pytest
from anyio.streams.buffered import BufferedByteReceiveStream

from codeact.errors import UnsupportedError, UsageError
from codeact.sandbox import Session, sandbox
from codeact.sandbox.box import folders
from codeact.sandbox.isolation import IsolationWarning
from codeact.sandbox.local import LocalSandbox
from codeact.sandbox.probe import probe

from . import kin
from .conftest import no_filter

pytestmark = [pytest.mark.anyio, pytest.mark.skipif(bool(no_filter()), reason=no_filter() or "-")]


@pytest.fixture
async def filtered(filter_server: LocalSandbox) -> AsyncIterator[Session]:
    async with filter_server.open() as session:
        yield session


async def error_of(session: Session, code: str) -> str:
    result = await session.run(code)
    assert result.error is not None, f"not held: {code} gave {result.value} {result.stdout}"
    return result.error.name


async def until(true: Callable[[], bool]) -> None:
    """Wait for something that another process does."""
    with anyio.fail_after(20):
        while not true():  # noqa: ASYNC110 (nobody tells)
            await anyio.sleep(0.02)


async def test_the_probe_says_what_holds() -> None:
    found = await probe(["filter"])
    assert found.level == "filter"
    active = {layer.name for layer in found.layers if layer.active}
    assert {"files", "network", "privileges", "seccomp", "landlock"} <= active
    assert all(check.held for check in found.checks if check.kind == "reach")
    assert {check.name for check in found.checks if check.kind == "share"} >= {"take more memory than allowed"}


async def test_files_of_the_host_are_closed(filtered: Session, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("a secret of the host")
    secret.chmod(0o644)
    for code in (
        f"open({str(secret)!r}).read()",
        f"open({str(secret)!r}, 'r+')",
        f"import os; os.listdir({str(tmp_path)!r})",
        f"import os; os.unlink({str(secret)!r})",
        f"import os; os.rename({str(secret)!r}, 'mine')",
        f"import os; os.link({str(secret)!r}, 'mine')",
        f"import os; os.truncate({str(secret)!r}, 0)",
        f"import os; os.symlink({str(secret)!r}, 'link'); open('link').read()",
        f"import os; fd = os.open({str(secret)!r}, os.O_PATH); open(f'/proc/self/fd/{{fd}}').read()",
        "open('/etc/shadow').read()",
        f"open('/proc/{os.getpid()}/environ').read()",
        f"open('/proc/{os.getpid()}/cmdline').read()",
        "open('/proc/self/net/tcp').read()",
        "import os; os.listdir('/')",
        "open('/tmp/x', 'w')",
        "open('/dev/shm/x', 'w')",
    ):
        assert await error_of(filtered, code) in ("PermissionError", "OSError", "FileExistsError"), code
    await filtered.run(f"import os; os.chmod({str(secret)!r}, 0o777); os.utime({str(secret)!r}, (1, 1))")
    assert (secret.stat().st_mode & 0o777, secret.stat().st_mtime > 1) == (0o644, True)
    assert secret.read_text() == "a secret of the host"


async def test_there_is_no_socket_but_a_pair(filtered: Session) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        connect = f"socket.create_connection(('127.0.0.1', {listener.getsockname()[1]}), 2)"
        for make in (connect, "socket.socket(socket.AF_UNIX)", "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)"):
            assert await error_of(filtered, f"import socket; {make}") == "OSError"
    assert (await filtered.run("a, b = socket.socketpair(); a.send(b'x'); b.recv(1)")).value == "b'x'"


async def test_processes_of_the_host_are_out_of_reach(filtered: Session) -> None:
    host = os.getpid()
    for code in (
        f"import os; os.kill({host}, 0)",
        f"import os, signal; signal.pidfd_send_signal(os.pidfd_open({host}), 0)",
        "import os; os.kill(os.getppid(), 0)",
        "import os; open(f'/proc/{os.getppid()}/mem', 'rb')",
        f"import os; os.setpriority(os.PRIO_PROCESS, {host}, 19)",
        f"import resource; resource.prlimit({host}, resource.RLIMIT_NOFILE)",
        f"import os; os.sched_setaffinity({host}, [0])",
    ):
        assert await error_of(filtered, code) == "PermissionError", code


async def test_neighbours_do_not_meet(filter_server: LocalSandbox) -> None:
    async with filter_server.open() as one, filter_server.open() as two:
        await one.run("open('mine.txt', 'w').write('one'); import tempfile; t = tempfile.mkstemp()[1]; import os")
        pid, temporary = (await one.run("print(os.getpid(), t)")).stdout.split()
        for path in (f"{one.info.workspace}/mine.txt", temporary, f"/proc/{pid}/environ", f"/proc/{pid}/status"):
            assert await error_of(two, f"open({path!r}).read()") == "PermissionError"
        for path in (one.info.workspace, str(Path(one.info.workspace).parent)):
            assert await error_of(two, f"import os; os.listdir({path!r})") == "PermissionError"
        assert await error_of(two, f"os.kill({pid}, 0)") == "PermissionError"
        assert (await one.run("1")).value == "1"


async def test_what_code_starts_ends_with_its_interpreter(filtered: Session) -> None:
    start = "import subprocess; subprocess.Popen(['setsid', '-f', 'sleep', '1000'])\nimport os; os.getppid()"
    init = int((await filtered.run(start)).value or 0)
    await until(lambda: "sleep" in family(init))
    await filtered.reset()
    await until(lambda: "sleep" not in family(init))


async def test_python_that_copies_unpacks_and_forks_goes_on(filtered: Session) -> None:
    code = """
import shutil, zipfile, concurrent.futures, tempfile, sqlite3, asyncio, subprocess, sys, threading
open('a.txt', 'w').write('x')
shutil.copy2('a.txt', 'b.txt'), shutil.copytree('.', tempfile.mkdtemp() + '/copy')
shutil.make_archive('all', 'gztar', '.'), shutil.unpack_archive('all.tar.gz', 'unpacked')
with concurrent.futures.ThreadPoolExecutor(2) as pool: list(pool.map(str, range(3)))
sqlite3.connect('x.db').execute('create table t (a)')
subprocess.run([sys.executable, '-c', 'import asyncio; asyncio.run(asyncio.sleep(0))'], check=True)
sorted(p.name for p in __import__('pathlib').Path('unpacked').iterdir())[:2]
"""
    result = await filtered.run(code)
    assert (result.error, result.value) == (None, "['a.txt', 'b.txt']")


async def test_a_network_is_refused_and_not_pretended(filter_server: LocalSandbox) -> None:
    with pytest.raises(UnsupportedError, match="at its level 'filter', cannot keep network="):
        async with filter_server.open(network="open"):
            pass


async def test_a_session_killed_from_outside_is_buried(filter_server: LocalSandbox) -> None:
    async with filter_server.open() as session:
        started = "import subprocess, os; subprocess.Popen(['setsid', '-f', 'sleep', '1000']); os.getppid()"
        init = int((await session.run(started)).value or 0)
        folder = Path(session.info.workspace).parent
        await until(lambda: "sleep" in family(init))
        left = [pid for pid, _ in below(init)]
        os.kill(init, signal.SIGKILL)
        await until(lambda: not folder.exists() and not any(map(alive, left)))


HOST = """
import anyio, sys
from codeact.sandbox.local import LocalSandbox
async def main():
    async with LocalSandbox(preload=(), require="filter", forms=["filter"]).open() as session:
        await session.run("import subprocess; subprocess.Popen(['setsid', '-f', 'sleep', '4321'])")
        await session.run("import os; os.mkdir('closed', 0)")
        print(session.info.workspace, (await session.run("import os; os.getppid()")).value, flush=True)
        await session.run("import time; time.sleep(1000)", time_limit=1000)
anyio.run(main)
"""


@pytest.mark.parametrize("victim", ["host", "server"])
async def test_killing_it_all_leaves_nothing(victim: str) -> None:
    """No kernel ends these processes together, as it does with a pid namespace."""
    async with await anyio.open_process([sys.executable, "-c", HOST], stderr=subprocess.DEVNULL) as host:
        assert host.stdout is not None
        line = await BufferedByteReceiveStream(host.stdout).receive_until(b"\n", 1000)
        workspace, init = line.split()
        started = [pid for pid, _ in below(host.pid)]
        assert int(init) in started
        os.kill(host.pid if victim == "host" else parent(int(init)), signal.SIGKILL)
    await until(lambda: not any(map(alive, started)) and not Path(workspace.decode()).parent.parent.exists())


def test_a_folder_is_removed_whatever_is_in_it(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("x")
    top = tmp_path / "top"
    top.mkdir()
    here = os.open(top, os.O_RDONLY)
    for _ in range(1100):  # deeper than the `rmtree` of Python can go
        os.mkdir("folder", dir_fd=here)
        below = os.open("folder", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    (top / "closed").mkdir()
    (top / "closed" / "file").write_text("x")
    (top / "closed").chmod(0)
    (top / "link").symlink_to(outside)
    folders.remove(str(top))
    assert (top.exists(), (outside / "kept").read_text()) == (False, "x")
    folders.remove(str(top))


async def test_less_isolation_is_only_taken_by_name_and_warned_about() -> None:
    with pytest.warns(IsolationWarning, match="stops accidents and not attacks"):
        async with sandbox("subprocess", preload=()).open():
            pass
    for options, words in (
        ({"require": "container"}, "docker"),
        ({"require": "strong"}, "no isolation level 'strong'"),
        ({"forms": ["chroot"]}, "no form of box 'chroot'"),
        ({"forms": ["filter"]}, "none can hold the level 'namespace'"),
    ):
        with pytest.raises(UsageError, match=words):
            LocalSandbox(**options)


def below(pid: int) -> list[tuple[int, str]]:
    """Processes that this one has started, by number and name."""
    found = list[tuple[int, str]]()
    for child in kin.below(pid):
        with contextlib.suppress(OSError):  # it has ended
            found.append((child, Path(f"/proc/{child}/comm").read_text().strip()))
    return found


def family(pid: int) -> set[str]:
    return {name for _, name in below(pid)}


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
