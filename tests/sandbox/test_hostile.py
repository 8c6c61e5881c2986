"""Workers that say what they may not, and objects that misbehave when looked at: the host and the session go on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest

from codeact.errors import SessionClosedError
from codeact.events import Event
from codeact.sandbox import Sandbox, Session
from codeact.sandbox.box.root import too_wide
from codeact.sandbox.plain import SubprocessSandbox

pytestmark = pytest.mark.anyio

Tools = Any  # the HostTools of conftest.py

FORGE = r"""
import json, os, struct
fd = next(int(f) for f in os.listdir('/proc/self/fd')
          if os.path.islink('/proc/self/fd/' + f) and os.readlink('/proc/self/fd/' + f).startswith('socket'))
def frame(kind, body, sizes=()):
    head = json.dumps([kind, body, list(sizes)]).encode()
    return struct.pack('>II', len(head), 0) + head
def send(data):
    data = memoryview(data)
    while data:
        data = data[os.write(fd, data):]
"""


@pytest.mark.parametrize(
    "flood",
    ["while True: send(data)", "if os.fork() == 0:\n    while True: send(data)\nos._exit(1)"],
    ids=["by the worker", "by a child of a dead worker"],
)
async def test_a_flood_of_frames_ends(server: Sandbox, flood: str) -> None:
    async with server.open() as session:
        with anyio.fail_after(60):
            result = await session.run(f"{FORGE}data = frame('variables', {{}}) * 2000\n{flood}", time_limit=40)
            assert (result.state, result.error is not None) == ("restored", True)
            assert (await session.run("6 * 7")).value == "42"


async def test_a_tool_may_return_an_int_of_too_many_digits_for_text(session: Session) -> None:
    result = await session.run("echo(10**5000) == 10**5000")
    assert result.value == "True"
    assert "without text" in result.tool_calls[0].text


@pytest.mark.parametrize(
    "forged",
    [
        "'call', {'call': 7, 'name': 'echo', 'kwargs': {}, 'args': [{'$': 'array', 'dtype': 'S0', "
        "'shape': [10**15], 'b': 0}]}, [0]",
        "'display', {'texts': {}, 'binary': [deep]}",
        "'display', {'texts': {'x' * 1000: ''}, 'binary': [], 'name': None}",
        "'display', {'texts': {}, 'binary': [], 'name': 'x' * 1000}",
    ],
)
async def test_a_forged_frame_costs_the_worker_and_not_the_host(server: Sandbox, tools: Tools, forged: str) -> None:
    async with server.open(tools) as session:
        code = f"{FORGE}import sys, time\nsys.setrecursionlimit(9000)\ndeep = 0\nfor _ in range(960): deep = [deep]\n"
        result = await session.run(f"{code}send(frame({forged}))\ntime.sleep(9)")
        assert result.error is not None
        assert (result.error.name, result.state) == ("ProtocolError", "restored")
        assert tools.calls == []


async def test_a_forged_answer_that_is_too_deep_has_no_value(server: Sandbox) -> None:
    async with server.open() as session:
        code = "deep = 0\nfor _ in range(300): deep = [deep]\n"
        forged = "'result', {'number': 1, 'answer': {'text': 'x', 'value': deep}}"
        result = await session.run(f"{FORGE}{code}send(frame({forged}))")
        assert result.answer is not None
        assert (result.answer.text, result.answer.value) == ("x", None)


async def test_an_emit_that_raises_leaves_no_code_running(local: Session) -> None:
    def broken(event: Event) -> None:
        raise BrokenPipeError("a closed terminal")

    with pytest.raises(BrokenPipeError):
        await local.run("x = 1\nprint(1)\nimport time\nwhile True: time.sleep(1)", emit=broken)
    result = await local.run("'x' in globals()")
    assert (result.value, result.error) == ("False", None)


async def test_records_keep_little_of_what_an_agent_sends(server: Sandbox, tools: Tools) -> None:
    async with server.open(tools) as session:
        result = await session.run(
            f"{FORGE}big = 'y' * (1 << 20)\n"
            "send(frame('call', {'call': 7, 'name': 'nope', 'args': [big], 'kwargs': {}}))\n"
            "len(echo(big)), [len(echo(['z'] * 50_000)) for _ in range(3)]"
        )
        assert result.value == "(1048576, [50000, 50000, 50000])"
        by_name = {record.name: record for record in result.tool_calls}
        assert by_name["nope"].args == []
        assert sum(len(str(record)) for record in result.tool_calls) < 500_000
        assert any("characters left out" in str(record.args) for record in result.tool_calls)


async def test_files_of_a_very_deep_folder_leave_the_session_alive(local: Session) -> None:
    await local.run("open('a', 'w').close()")
    code = "import os\nfor _ in range(1100):\n    os.mkdir('d'); os.chdir('d')\nos.chdir('/box/work')"
    assert (await local.run(code)).error is None
    assert [file.path for file in await local.files()] == ["a"]
    assert (await local.run("6 * 7")).value == "42"


async def test_files_with_very_long_paths_leave_the_session_alive(local: Session) -> None:
    code = (
        "import os\nfor _ in range(15):\n    n = '\\udc80' * 250; os.mkdir(n); os.chdir(n)\n"
        "for i in range(5000): open(str(i), 'w').close()\nos.chdir('/box/work')"
    )
    assert (await local.run(code)).error is None
    assert 0 < len(await local.files()) < 5000
    assert (await local.run("6 * 7")).value == "42"


async def test_a_worker_cannot_reconfigure_the_first_process(local: Session) -> None:
    for code in (
        "import resource; resource.prlimit(1, resource.RLIMIT_NPROC, (0, 0))",
        "import os; os.setpriority(os.PRIO_PROCESS, 1, 19)",
        "import os; os.setpriority(os.PRIO_USER, 0, 19)",
        "import os; os.sched_setscheduler(1, os.SCHED_IDLE, os.sched_param(0))",
        "import os; os.sched_setaffinity(1, {0})",
    ):
        result = await local.run(code)
        assert result.error is not None, code
        assert result.error.name == "PermissionError", code
    own = "import os, resource as r; os.nice(1); os.sched_setaffinity(0, {0}); r.prlimit(os.getpid(), r.RLIMIT_CORE)"
    assert (await local.run(own)).error is None


async def test_sessions_cannot_use_up_the_watches_of_their_common_user(local: Session) -> None:
    assert (await local.run("import ctypes; ctypes.CDLL(None).inotify_init()")).value == "-1"


async def test_variables_while_a_background_thread_prints(local: Session) -> None:
    code = "x = 1\nimport threading, time\ndef f():\n    time.sleep(.2)\n    for i in range(20000): print('line', i)\n"
    await local.run(f"{code}threading.Thread(target=f, daemon=True).start()")
    await anyio.sleep(0.5)
    assert "x" in [variable.name for variable in await local.variables()]
    result = await local.run("x")
    assert (result.value, result.state) == ("1", "kept")
    assert "line 0\n" in result.late


async def test_variables_with_a_class_that_raises_when_asked_for_it(local: Session) -> None:
    await local.run(
        "class P:\n    @property\n    def __class__(self): raise RuntimeError('no context')\np = P(); x = 1"
    )
    assert {"p", "x"} <= {variable.name for variable in await local.variables()}
    assert (await local.run("x")).value == "1"


async def test_variables_with_a_slow_repr_keep_the_state(local: Session) -> None:
    await local.run("x = 1\nimport time\nclass P:\n    def __repr__(self): time.sleep(30)\np = P()")
    assert "x" in [variable.name for variable in await local.variables()]
    result = await local.run("x")
    assert (result.value, result.state) == ("1", "kept")


async def test_a_tool_that_outlives_its_action_is_recorded(session: Session) -> None:
    code = "import threading, time\nthreading.Thread(target=slow, args=(9,), daemon=True).start(); time.sleep(.3)"
    (record,) = (await session.run(code)).tool_calls
    assert record.name == "slow"
    assert str(record.error).startswith("InterruptedError")


async def test_a_cancelled_action_tells_what_it_had_done(session: Session) -> None:
    with anyio.move_on_after(1):
        await session.run("x = add(1)\nprint('so far')\nwhile True: pass")
    done = session.interrupted
    assert done is not None
    assert (done.stdout, done.state, [record.name for record in done.tool_calls]) == ("so far\n", "kept", ["add"])
    assert done.error is not None
    assert done.error.kind == "interrupted"
    assert (await session.run("x")).value == "2"
    assert session.interrupted is None


async def test_an_exception_whose_text_never_ends_costs_no_state(session: Session) -> None:
    await session.run("x = 1")
    result = await session.run(
        "class E(Exception):\n    def __str__(self):\n        while True: pass\nraise E", time_limit=1
    )
    assert result.error is not None
    assert (result.error.kind, result.state) == ("timeout", "kept")
    assert (await session.run("x")).value == "1"


@pytest.mark.parametrize("removal", ["%reset -f", "del add, final_answer, ToolError"])
async def test_tools_come_back_after_they_were_removed(session: Session, removal: str) -> None:
    assert (await session.run(removal)).error is None
    result = await session.run("await add(1), ToolError.__name__")
    assert result.value == "(2, 'ToolError')"
    assert (await session.run("final_answer(1)")).answer is not None


@pytest.mark.parametrize(
    ("path", "home", "wide"),
    [
        ("/home/alice", "/home/alice", True),
        ("/srv/people", "/srv/people/alice", True),
        ("/home/bob", "/home/alice", True),
        ("/home/alice/project/.venv", "/home/alice", False),
        ("/usr", "/usr/sbin", False),
        ("/usr", "/root", False),
        ("/", "/nonexistent", True),
        ("/opt/python", None, False),
    ],
)
def test_a_home_is_never_shown_in_a_box(path: str, home: str | None, wide: bool) -> None:
    assert too_wide(Path(path), None if home is None else Path(home)) is wide


async def test_the_whole_of_what_a_model_sees_cut_is_in_the_workspace(session: Session) -> None:
    assert (await session.run("print('x' * 3000)")).overflow is None
    for code in ("print('x' * 4100)", "'x' * 4100", "print('x' * 2500)\n'x' * 2500"):
        result = await session.run(code)
        assert result.overflow is not None, code
        assert (await session.get(result.overflow)).count(b"x") in (4100, 5000)


async def test_an_interpreter_that_cannot_be_restarted_is_a_result_and_then_the_end() -> None:
    async with SubprocessSandbox(preload=()).open() as session:
        code = "import os, resource as r; r.prlimit(os.getppid(), r.RLIMIT_NOFILE, (3, 3)); os.kill(os.getpid(), 9)"
        result = await session.run(code)
        assert result.error is not None
        assert (result.error.kind, result.state) == ("crashed", "lost")
        assert "could not be started again" in result.error.message
        with pytest.raises(SessionClosedError):
            await session.run("1")
