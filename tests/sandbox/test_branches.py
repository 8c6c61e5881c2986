"""Checkpoints, undo, branches, and what is left when an interpreter dies."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio
import pytest

from codeact.errors import SandboxError, SessionClosedError, TransferError, UnsupportedError, UsageError
from codeact.sandbox import Checkpoint, Sandbox, Session
from codeact.sandbox.base import Every, Limits, MiB
from codeact.sandbox.local import LocalSandbox
from codeact.sandbox.plain import SubprocessSandbox
from codeact.sandbox.session import BoxSession

from .conftest import HostTools, sandbox_named, value

pytestmark = pytest.mark.anyio

DIE = "import os; os._exit(1)"


@pytest.fixture(params=["local", "procless", "filter", "subprocess"])
def backend(request: pytest.FixtureRequest) -> Sandbox:
    """One more than elsewhere: copies of an interpreter need much that /proc tells."""
    return sandbox_named(request)


@pytest.fixture(params=["server", "procless_server"])
def isolated(request: pytest.FixtureRequest) -> LocalSandbox:
    return request.getfixturevalue(request.param)


@pytest.fixture
async def either(isolated: LocalSandbox) -> AsyncIterator[BoxSession]:
    async with isolated.open() as session:
        yield session


async def test_restoring_brings_back_variables_and_files(session: Session) -> None:
    await session.run("x = [1]; open('a.txt', 'w').write('one'); import os; os.mkdir('d'); open('d/b', 'w').write('b')")
    kept = await session.checkpoint()
    assert (kept.after, kept.notes) == (1, ())
    for _ in range(2):  # as often as one likes
        await session.run(
            "x.append(2); open('a.txt', 'w').write('two'); os.remove('d/b'); open('new', 'w'); os.chdir('/')"
        )
        await session.restore(kept)
        assert await value(session, "x, open('a.txt').read(), open('d/b').read(), os.path.exists('new')") == (
            "([1], 'one', 'b', False)"
        )
        assert await session.get("a.txt") == b"one"


async def test_a_checkpoint_outlives_a_crash_and_a_reset(session: Session) -> None:
    await session.run("x = 1")
    kept = await session.checkpoint()
    await session.run("x = 2")
    assert (await session.run(DIE)).state == "restored"
    await session.restore(kept)
    assert await value(session, "x") == "1"
    await session.reset()
    await session.restore(kept)
    assert await value(session, "x") == "1"


async def test_programs_that_were_started_since_are_ended(session: Session, tmp_path: Path) -> None:
    kept = await session.checkpoint()
    await session.run("import subprocess; p = subprocess.Popen(['sleep', '1000'])")
    pid = await value(session, "p.pid")
    await session.restore(kept)
    alive = f"import os\ntry:\n    os.kill({pid}, 0); state = open('/proc/{pid}/stat').read().split()[2]\n"
    assert await value(session, f"{alive}except OSError: state = 'Z'\nstate") == "'Z'"


async def test_tools_work_after_restoring(session: Session, tools: HostTools) -> None:
    kept = await session.checkpoint()
    await session.restore(kept)
    assert await value(session, "add(1, 2)") == "3"
    assert len(tools.calls) == 1


async def test_random_numbers_go_on_as_they_would_have(session: Session) -> None:
    await session.run("import random, numpy as np; random.seed(1); np.random.seed(1)")
    kept = await session.checkpoint()
    first = await value(session, "random.random(), float(np.random.rand())")
    await session.restore(kept)
    assert await value(session, "random.random(), float(np.random.rand())") == first


async def test_an_open_file_belongs_to_the_files_that_are_there(session: Session) -> None:
    await session.run("f = open('log', 'a'); n = f.write('one '); f.flush()")
    kept = await session.checkpoint()
    await session.run("f.write('two '); f.flush()")
    await session.restore(kept)
    assert await value(session, "n = f.write('three'); f.flush(); open('log').read()") == "'one three'"


async def test_a_running_event_loop_goes_on(session: Session) -> None:
    await session.run("import asyncio\nasync def tick(n):\n    await asyncio.sleep(n)\n    return n")
    await session.run("t = asyncio.create_task(tick(0.05)); await asyncio.sleep(0)")
    kept = await session.checkpoint()
    assert await value(session, "await t") == "0.05"
    await session.restore(kept)
    assert await value(session, "await t") == "0.05"
    assert await value(session, "await asyncio.to_thread(lambda: 1)") == "1"


async def test_threads_are_an_obstacle_that_is_named(session: Session) -> None:
    await session.run(
        "import threading\nstop = threading.Event()\nt = threading.Thread(target=stop.wait, name='busy bee'); t.start()"
    )
    with pytest.raises(UnsupportedError, match="busy bee"):
        await session.checkpoint()
    await session.run("stop.set(); t.join()")
    assert (await session.checkpoint()).after == 2


async def test_what_a_copy_lacks_is_said(session: Session) -> None:
    await session.run(
        "import socket, sqlite3, subprocess\ns = socket.socketpair()\ndb = sqlite3.connect('data.db')\n"
        "db.execute('create table t (x)'); db.commit()\np = subprocess.Popen(['sleep', '100'])"
    )
    sockets, databases = "2 open sockets", "data.db"
    notes = "; ".join((await session.checkpoint()).notes)
    assert sockets in notes
    assert databases in notes
    assert "programs that it started" in notes


async def test_a_checkpoint_of_another_session_is_refused(session: Session) -> None:
    with pytest.raises(UsageError, match="no checkpoint 'x'"):
        await session.restore(Checkpoint("x"))


async def test_a_checkpoint_that_the_code_has_ended_is_an_error_and_no_loss(session: Session) -> None:
    if session.info.isolation == "filter" or (await session.run("import os; os.stat('/proc/self')")).error:
        pytest.skip("code cannot look which processes are its own there")
    await session.run("x = 1; import os")
    kept = await session.checkpoint()
    children = f"{os.getpid()}"
    await session.run(
        "import signal\nfor name in os.listdir('/proc'):\n"
        f"    if name.isdigit() and int(name) not in (1, os.getpid(), {children}):\n"
        "        try:\n            if 'codeact_box' in open(f'/proc/{name}/cmdline').read()"
        " and os.stat(f'/proc/{name}').st_uid == os.getuid():\n"
        "                if int(open(f'/proc/{name}/stat').read().rsplit(')', 1)[1].split()[1]) == os.getppid():\n"
        "                    os.kill(int(name), 9)\n        except OSError: pass"
    )
    with pytest.raises(SandboxError):
        await session.restore(kept)
    assert await value(session, "x") == "1"


async def test_old_checkpoints_give_way(local: Session) -> None:
    kept = [await local.checkpoint() for _ in range(34)]
    with pytest.raises(UsageError):
        await local.restore(kept[0])
    await local.restore(kept[-1])


async def test_a_forgotten_checkpoint_gives_its_room_back(session: Session) -> None:
    await session.run("x = 1; open('a', 'wb').write(bytes(1000))")
    kept = await session.checkpoint()
    await session.run("x = 2")
    other = await session.checkpoint()
    for _ in range(2):  # the second time there is none
        await session.forget(kept)
    with pytest.raises(UsageError, match="no checkpoint"):
        await session.restore(kept)
    await session.run("x = 3")
    await session.restore(other)
    assert await value(session, "x") == "2"


# --- branches --------------------------------------------------------------------------------------


async def test_branches_go_their_own_ways(either: Session) -> None:
    await either.run("import os, subprocess; x = 1; f = open('log', 'a'); f.write('start '); f.flush()")
    await either.run("open('/tmp/t', 'w').write('t')")
    log = f"{either.info.workspace}/log"
    look = f"x, open({log!r}).read(), subprocess.getoutput('cat log {log} /tmp/t')"
    async with await either.fork() as one, await either.fork() as two:
        for session, name in ((one, "one"), (two, "two"), (either, "main")):
            await session.run(f"x = {name!r}; f.write({name!r}); f.flush(); open('/tmp/t', 'a').write({name!r})")
        for session, name in ((one, "one"), (two, "two"), (either, "main")):
            text = f"start {name}"
            assert await value(session, look) == repr((name, text, f"{text}{text}t{name}"))
            assert await session.get("log") == text.encode()


async def test_branches_run_at_the_same_time(local: Session) -> None:
    await local.run("import time; x = 1")
    async with await local.fork() as one, await local.fork() as two, anyio.create_task_group() as tasks:
        for number, session in enumerate((one, two, local)):
            tasks.start_soon(value, session, f"time.sleep(0.2); print('n' * 1000); x += {number}")
    assert await value(local, "x") == "3"


async def test_a_branch_of_a_branch(either: Session) -> None:
    await either.run("x = ['main']")
    async with await either.fork() as one:
        await one.run("x.append('one'); open('f', 'w').write('one')")
        async with await one.fork() as two:
            await two.run("x.append('two')")
            assert await value(two, "x, open('f').read()") == "(['main', 'one', 'two'], 'one')"
        assert await value(one, "x") == "['main', 'one']"
    assert await value(either, "x") == "['main']"
    assert await either.files() == []


async def test_a_branch_that_dies_leaves_the_others(either: Session) -> None:
    await either.run("import subprocess; x = 1; p = subprocess.Popen(['sleep', '1000'])")
    async with await either.fork() as branch:
        await branch.run("x = 2; q = subprocess.Popen(['sleep', '1000'])")
        stubborn = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass"
        result = await branch.run(stubborn, time_limit=0.2)
        assert result.state == "restored"
        assert await value(branch, "x") == "2"
        assert await value(either, "x, p.poll()") == "(1, None)"
    assert await value(either, "x, p.poll()") == "(1, None)"


async def test_a_branch_has_checkpoints_of_its_own(either: Session) -> None:
    await either.run("x = 1")
    async with await either.fork() as branch:
        kept = await branch.checkpoint()
        await branch.run("x = 2; open('f', 'w')")
        await branch.restore(kept)
        assert await value(branch, "x, __import__('os').listdir()") == "(1, [])"


async def test_tools_and_output_of_a_branch_are_its_own(server: Sandbox, tools: HostTools) -> None:
    async with server.open(tools) as session, await session.fork() as branch:
        result = await branch.run("print(add(1, 2)); import os; os.system('echo sub')")
        assert (result.stdout, len(result.tool_calls)) == ("3\nsub\n", 1)
        assert (await session.run("1")).stdout == ""


async def test_a_branch_ends_with_its_session(server: Sandbox) -> None:
    async with server.open() as session:
        branch = await session.fork()
    async with branch:
        with pytest.raises(SessionClosedError):
            await branch.run("1")


async def test_a_branch_that_was_left_is_gone(local: BoxSession) -> None:
    async with await local.fork() as branch:
        await branch.run("import subprocess; subprocess.Popen(['setsid', '-f', 'sleep', '4567'])")
    with pytest.raises(SessionClosedError):
        await branch.run("1")
    assert "4567" not in (await local.run("!ps ax")).stdout
    assert "/branches/" not in str(await value(local, "open('/proc/self/mountinfo').read()")).replace(
        "/branches/1 ", ""
    )


async def test_no_room_for_a_copy_of_the_files_is_said(server: LocalSandbox) -> None:
    async with server.open(limits=Limits(workspace=8 * MiB)) as session:
        await session.run("x = 1; open('big', 'wb').write(bytes(7 << 20))")
        await session.checkpoint()
        await session.checkpoint()
        with pytest.raises(TransferError, match="No space"):
            await session.checkpoint()
        assert await value(session, "x") == "1"


async def test_sparse_files_and_links_are_copied_as_they_are(session: Session) -> None:
    await session.run(
        "import os\nwith open('sparse', 'wb') as f:\n    f.seek(500_000_000); n = f.write(b'end')\n"
        "os.symlink('/etc/passwd', 'link'); open('a', 'w').write('a'); os.link('a', 'b')"
    )
    kept = await session.checkpoint()
    await session.run("for name in os.listdir(): os.remove(name)")
    await session.restore(kept)
    look = "sorted(os.listdir()), os.path.getsize('sparse'), os.stat('sparse').st_blocks < 1000"
    assert await value(session, f"{look}, os.readlink('link'), os.stat('a').st_nlink") == (
        "(['a', 'b', 'link', 'sparse'], 500000003, True, '/etc/passwd', 2)"
    )


async def test_where_files_cannot_branch_it_is_said() -> None:
    async with SubprocessSandbox(preload=()).open() as session:
        assert session.capabilities == {"files", "interrupt", "checkpoint"}
        with pytest.raises(UnsupportedError, match="checkpoint, act, restore"):
            await session.fork()


# --- policies --------------------------------------------------------------------------------------

Kind = Callable[..., Sandbox]


@pytest.mark.parametrize("kind", [LocalSandbox, SubprocessSandbox])
async def test_policy_none_keeps_nothing(kind: Kind) -> None:
    async with kind(preload=(), checkpoints="none").open() as session:
        await session.run("x = 1")
        result = await session.run(DIE)
        assert result.state == "lost"
        assert result.error is not None
        assert "variables and imports are lost, files are kept" in result.error.message
        assert (await session.run("x")).error is not None


async def test_policy_every_keeps_a_bounded_past() -> None:
    async with LocalSandbox(preload=(), checkpoints=Every(2, keep=2)).open() as session:
        for number in range(7):
            await session.run(f"x = {number}; open('f', 'w').write('{number}')")
        assert [kept.after for kept in session.checkpoints] == [4, 6]
        assert (await session.run("x = 7")).state == "kept"
        assert [kept.after for kept in session.checkpoints] == [6, 8]
        await session.restore(session.checkpoints[0])
        assert (await session.run(DIE)).state == "restored"
        assert await value(session, "x, open('f').read()") == "(5, '5')"  # of the one it had returned to


async def test_the_state_of_before_comes_back_every_time(session: Session) -> None:
    for number in range(4):
        await session.run(f"x = {number}")
        for _ in range(2):
            result = await session.run(f"x = 'spoiled'; open('f{number}', 'w')\n{DIE}")
            assert result.state == "restored"
            assert await value(session, "x") == str(number)
    assert len(await session.files()) == 4  # files are as the actions left them


async def test_an_action_after_an_interrupt_still_has_its_standby(session: Session) -> None:
    await session.run("x = 1")
    with anyio.move_on_after(0.3):
        await session.run("y = 2\nwhile True: pass")
    assert (await session.run(DIE)).state == "restored"
    assert await value(session, "x, y") == "(1, 2)"


# --- seen in a review ------------------------------------------------------------------------------


async def test_a_state_that_is_older_than_the_action_before_is_called_so(session: Session) -> None:
    await session.run("x = 1")
    await session.run(
        "x = 2; import threading; e = threading.Event(); threading.Thread(target=e.wait, daemon=True).start()"
    )
    await session.run("x = 3")
    result = await session.run(DIE)
    assert result.error is not None
    assert "as they were after action 1," in result.error.message
    assert await value(session, "x") == "1"


async def test_a_death_after_the_first_action_loses_what_that_one_had_made() -> None:
    async with LocalSandbox(preload=(), checkpoints="none").open() as session:
        await session.run("x = 1; import os, threading; threading.Timer(0.1, os._exit, (5,)).start()")
        with anyio.fail_after(10):
            while (result := await session.run("import time; time.sleep(0.05)")).error is None:
                pass
        assert result.state == "lost"


async def test_code_that_has_used_up_its_descriptors_keeps_its_interpreter(session: Session) -> None:
    await session.run("x = 1; held = []\ntry:\n    while True: held.append(open('/dev/null'))\nexcept OSError: pass")
    assert await value(session, "len(held) > 100, x") == "(True, 1)"
    await session.run("held.clear()")
    assert (await session.run(DIE)).state == "restored"
    assert await value(session, "x") == "1"


DEAF = """
import gc, signal, sys, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
frames = next(module for name, module in list(sys.modules.items()) if name.endswith('_box.frames'))
[link] = [thing for thing in gc.get_objects() if type(thing).__name__ == 'Link']
link._channel.send(frames.Frame('call', {'call': 1, 'name': 'echo', 'args': ['x' * 8_000_000], 'kwargs': {}}))
time.sleep(0.5)
link._channel.send(frames.Frame('result', {'number': 1, 'value': 'forged'}))
while True: time.sleep(1)
"""


async def test_a_worker_that_does_not_listen_cannot_keep_run_from_returning(server: Sandbox, tools: HostTools) -> None:
    async with server.open(tools) as session:
        with anyio.fail_after(60):
            await session.run(DEAF, time_limit=2)
            await session.run("1", time_limit=1)
            assert (await session.run("6 * 7")).value == "42"


async def test_branches_that_crash_together_are_all_started_again() -> None:
    async with (
        LocalSandbox(preload=(), checkpoints="none").open() as session,
        await session.fork() as one,
        await session.fork() as two,
    ):
        for _ in range(5):
            async with anyio.create_task_group() as tasks:
                for each in (session, one, two):
                    tasks.start_soon(each.run, DIE)
            assert [await value(each, "1") for each in (session, one, two)] == ["1"] * 3


async def test_the_copies_of_a_branch_that_was_left_make_room(server: Sandbox) -> None:
    async with server.open(limits=Limits(workspace=32 * MiB)) as session:
        for _ in range(8):
            async with await session.fork() as branch:
                await branch.run("open('big', 'wb').write(bytes(10 << 20))")
                await branch.checkpoint()


async def test_a_copy_that_does_not_wake_leaves_an_interpreter(local: BoxSession) -> None:
    await local.run("import sys; x = 1")
    await local.run("type(sys.modules['__main__'])")
    kept = await local.checkpoint()
    # The copy shares this class with what the code can reach, so code can spoil what a later copy does.
    find = "import gc\n[w] = [o for o in gc.get_objects() if type(o).__name__ == 'Worker']\n"
    spoil = f"{find}type(w)._wake = lambda self: None"
    await local.restore(kept)
    await local.run(spoil)
    spoiled = await local.checkpoint()
    with pytest.raises(SandboxError, match="does not answer"):
        await local.restore(spoiled)
    assert await value(local, "6 * 7") == "42"
    await local.restore(kept)
    assert await value(local, "x") == "1"


async def test_branches_that_end_while_others_are_made_leave_no_copy_stopped(local: BoxSession) -> None:
    """Ending one stops all for a moment; Linux can lose the signal to go on for one that is just being made."""

    async def one() -> None:
        async with await local.fork() as branch:
            assert (await branch.run("1")).value == "1"

    for _ in range(25):
        async with anyio.create_task_group() as tasks:
            for _ in range(4):
                tasks.start_soon(one)
