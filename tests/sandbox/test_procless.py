"""The form for a container that covers parts of its /proc, where nobody can mount a new one. What copies of an
interpreter need is tried in `test_branches` too.
"""

from __future__ import annotations

import ast
from collections.abc import AsyncIterator

import pytest

from codeact.errors import UnsupportedError
from codeact.sandbox.attacks import CATALOGUE, run_attacks
from codeact.sandbox.local import LocalSandbox
from codeact.sandbox.session import BoxSession

from .conftest import value

pytestmark = pytest.mark.anyio

_ON_PROC = """
import os
proc = os.stat('/proc/stat').st_dev
def held():
    found = []
    for fd in range(1024):
        try:
            found += [fd] if os.fstat(fd).st_dev == proc else []
        except OSError:
            pass
    return found
"""


@pytest.fixture
async def session(procless_server: LocalSandbox) -> AsyncIterator[BoxSession]:
    async with procless_server.open() as session:
        yield session


async def test_the_level_is_that_of_namespaces_and_the_report_says_what_is_missing(session: BoxSession) -> None:
    assert session.info.isolation == "namespace"
    (missing,) = [layer for layer in session.isolation.missing if layer.name != "total memory"]
    assert (missing.name, missing.remedy.split("`")[1]) == ("own /proc", "--security-opt systempaths=unconfined")
    assert "fork" in session.capabilities


async def test_where_a_new_proc_can_be_had_it_is_taken() -> None:
    async with LocalSandbox(preload=(), forms=["namespace", "procless"]).open() as session:
        assert await value(session, "import os; os.getpid() == int(os.readlink('/proc/self'))") == "True"


async def test_only_files_about_the_machine_are_shown(session: BoxSession) -> None:
    shown = ast.literal_eval(await value(session, "import os; sorted(os.listdir('/proc'))") or "")
    assert set(shown) <= {"cpuinfo", "filesystems", "loadavg", "meminfo", "stat", "uptime", "version"}
    assert {"cpuinfo", "meminfo", "stat"} <= set(shown)
    assert await value(session, "'MemTotal' in open('/proc/meminfo').read()") == "True"
    for attempt in ("open('/proc/meminfo', 'r+')", "open('/proc/new', 'w')", "os.unlink('/proc/stat')"):
        assert (await session.run(attempt)).error is not None, attempt


async def test_no_descriptor_leads_to_the_containers_processes(session: BoxSession) -> None:
    """Not in an interpreter, in its copies, in one that has followed it, nor in a branch."""
    await session.run(_ON_PROC)
    kept = await session.checkpoint()
    assert await value(session, "held()") == "[]"
    await session.run("import os; os._exit(1)")
    assert await value(session, "held()") == "[]"
    await session.restore(kept)
    assert await value(session, "held()") == "[]"
    async with await session.fork() as branch:
        assert await value(branch, "held()") == "[]"
    await session.reset()
    assert await value(session, _ON_PROC + "held()") == "[]"


async def test_a_daemon_that_was_started_since_is_ended_and_one_in_a_branch_leaves_the_others(
    session: BoxSession,
) -> None:
    """The numbers of processes are translated between those of the container and those of the session."""
    start = "import subprocess; p = subprocess.Popen(['sleep', '100'], start_new_session=True); p.pid"
    kept = await session.checkpoint()
    daemon = await value(session, start)
    await session.restore(kept)
    gone = f"import os\ntry: os.kill({daemon}, 0)\nexcept ProcessLookupError: print('gone')"
    assert (await session.run(gone)).stdout == "gone\n"
    await session.run(start)
    async with await session.fork() as branch:
        theirs = await value(branch, start)
    assert await value(session, "p.poll() is None") == "True"
    assert (await session.run(gone.replace(str(daemon), str(theirs)))).stdout == "gone\n"


async def test_a_thread_that_python_does_not_know_is_an_obstacle(session: BoxSession) -> None:
    await session.run(
        "import ctypes; libc = ctypes.CDLL(None); t = ctypes.c_ulong()\n"
        "libc.pthread_create(ctypes.byref(t), None, libc.pause, None)"
    )
    with pytest.raises(UnsupportedError, match="1 of a library"):
        await session.checkpoint()


async def test_an_open_file_of_the_system_is_read_on_where_it_was(session: BoxSession) -> None:
    await session.run("f = open('/etc/passwd', 'rb', 0); f.read(5)")
    kept = await session.checkpoint()
    await session.run("f.read(5)")
    await session.restore(kept)
    assert await value(session, "f.tell()") == "5"


async def test_pip_is_told_that_there_is_no_network(session: BoxSession) -> None:
    result = await session.run("%pip download six")
    assert result.error is not None
    assert "no network" in result.error.message


@pytest.mark.timeout(300)
async def test_attacks_by_way_of_processes_are_held() -> None:
    """Those that name a process or /proc; all 75 of the two families took half a minute, and were held."""
    chosen = [each for each in CATALOGUE if each.family in ("files", "processes") and "proc" in each.code]
    rows = await run_attacks(LocalSandbox(preload=(), forms=["procless"], spares=0), chosen)
    assert [f"{row.id}: {row.verdict} {row.met}" for row in rows if row.bad] == []
    assert [row.id for row in rows if row.verdict == "not held"] == []
    assert len(rows) > 20
