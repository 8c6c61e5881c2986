"""Tools called from inside a box, on every backend."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import anyio
import pytest

from codeact.sandbox import Limits, Sandbox, Session

pytestmark = pytest.mark.anyio

Tools = Any  # the HostTools of conftest.py


async def test_a_call_crosses_and_is_recorded(session: Session, tools: Tools) -> None:
    result = await session.run("add(1, b=2)")
    assert result.value == "3"
    (record,) = result.tool_calls
    assert (record.name, record.args, record.kwargs, record.value, record.text) == ("add", [1], {"b": 2}, 3, "3")
    assert tools.calls[0].args == (1,)


async def test_stubs_read_like_the_tool(session: Session) -> None:
    assert (await session.run("import inspect; str(inspect.signature(add))")).value == "'(a: int, b: int = 1) -> int'"
    assert (await session.run("add.__name__, add.__doc__")).value == "('add', 'The tool add.')"
    assert "add(a: int, b: int = 1) -> int" in (await session.run("help(add)")).stdout


async def test_wrong_arguments_are_refused_before_they_cross(session: Session, tools: Tools) -> None:
    result = await session.run("add(1, c=2)")
    assert result.error is not None
    assert result.error.name == "TypeError"
    assert (
        result.error.message
        == "add() got an unexpected keyword argument 'c'; its parameters are (a: int, b: int = 1) -> int"
    )
    assert tools.calls == []


@pytest.mark.parametrize(
    "code",
    [
        "await add(1)",
        "x = add(1)\nawait x",
        "(await add(1))",
        "import asyncio\nasyncio.run(main()) if False else await add(1)",
        "async def f():\n    return await add(1)\nawait f()",
        "import asyncio\nsum(await asyncio.gather(add(0), add(-1, 2))) ",
        "import asyncio\ncalls = [add(0), add(0)]\nsum(await asyncio.gather(*calls))",
        "import asyncio\nsum(await asyncio.gather(*[add(n) for n in (0, -1)])) + 1",
        "import asyncio\nt = asyncio.create_task(add(1))\nawait t",
        "import asyncio\nawait asyncio.wait_for(add(1), 5)",
        "import asyncio\nasync with asyncio.TaskGroup() as g:\n    t = g.create_task(add(1))\nt.result()",
        "import asyncio\nfor f in asyncio.as_completed([add(1)]):\n    r = await f\nr",
        "[await add(n) for n in (1,)][0]",
        "import asyncio\nasyncio.run(add.aio(1))",
    ],
)
async def test_a_tool_may_be_awaited(server: Sandbox, tools: Tools, code: str) -> None:
    async with server.open(tools) as session:
        result = await session.run(code)
        assert result.error is None, result.error
        assert result.value == "2"


async def test_gathered_and_threaded_calls_run_at_the_same_time(session: Session) -> None:
    started = time.monotonic()
    result = await session.run("import asyncio\nawait asyncio.gather(*[slow(0.5) for _ in range(8)])")
    assert result.value == str(["done"] * 8)
    code = "from concurrent.futures import ThreadPoolExecutor as P\nwith P(8) as p: r = list(p.map(slow, [0.5] * 8))\nr"
    assert (await session.run(code)).value == str(["done"] * 8)
    assert time.monotonic() - started < 6  # 16 calls of half a second


async def test_exceptions_come_under_their_own_name(session: Session) -> None:
    code = "try:\n    fail({!r})\nexcept {} as e:\n    r = (type(e).__name__, str(e), isinstance(e, ToolError))\nr"
    for raised, caught in (
        ("ValueError", "ValueError"),
        ("KeyError", "LookupError"),
        ("RateLimited", "ToolError"),
        ("UnicodeDecodeError", "ToolError"),
        ("SystemExit", "ToolError"),
        ("no name", "ToolError"),
    ):
        result = await session.run(code.format(raised, caught))
        assert result.error is None, result.error
        assert "'the message', True)" in str(result.value)
    result = await session.run("fail('RateLimited')")
    assert result.error is not None
    assert (result.error.name, result.error.message, result.error.line) == ("RateLimited", "the message", 1)
    assert "stubs.py" not in result.error.traceback
    assert result.tool_calls[0].error == "RateLimited: the message"


async def test_a_bug_in_a_tool_is_an_error_of_the_call(session: Session) -> None:
    result = await session.run("bug()")
    assert result.error is not None
    assert (result.error.name, result.error.message) == ("KeyError", "'a bug in the tool'")


async def test_what_cannot_cross_is_named(session: Session) -> None:
    result = await session.run("echo({'a': [1, open('/dev/null')]})")
    assert result.error is not None
    assert result.error.name == "TypeError"
    assert "argument 1 of echo()['a'][1] is a TextIOWrapper, which cannot cross" in result.error.message
    back = await session.run("handle()")
    assert back.error is not None
    assert "the result of handle() is a list_iterator, which cannot cross" in back.error.message
    loop = await session.run("a = []; a.append(a); echo(a)")
    assert loop.error is not None
    assert "contains itself" in loop.error.message


async def test_arrays_and_tables_cross_both_ways(session: Session) -> None:
    result = await session.run(
        "import numpy as np, pandas as pd\n"
        "a = np.arange(3_000_000.0).reshape(3, -1); b = echo(a)\n"
        "t = pd.DataFrame({'x': [1.5, None], 'y': ['a', None]}, index=['p', 'q'])\n"
        "t['z'] = pd.to_datetime(['2026-01-01', None])\n"
        "u = echo(t); pd.testing.assert_frame_equal(t, u)\n"
        "bool((a == b).all()), b.shape, b.flags.writeable, type(echo(np.int64(5)))"
    )
    assert result.error is None, result.error
    assert result.value == "(True, (3, 1000000), True, int)"


async def test_the_clock_stands_still_while_a_tool_works(session: Session) -> None:
    result = await session.run("slow(1.0)", time_limit=0.5)
    assert (result.value, result.error) == ("'done'", None)


async def test_neither_an_action_nor_a_tool_that_does_not_wait_costs_a_task(server: Sandbox, tools: Tools) -> None:
    tools._functions["add"] = count_tasks
    async with server.open(tools) as session:
        assert (await session.run("add(1)")).value == str(await count_tasks())


async def count_tasks(*_: object) -> int:
    return len(asyncio.all_tasks())


async def test_no_tool_starts_once_its_action_is_stopped(session: Session, tools: Tools) -> None:
    cleanup = "try: add(1)\n    except ToolError as e: r = str(e)"
    code = f"import time\ntry: time.sleep(60)\nexcept KeyboardInterrupt:\n    {cleanup}"
    result = await session.run(code, time_limit=0.2)
    assert result.error is not None
    assert (result.error.kind, result.state, tools.calls) == ("timeout", "kept", [])
    assert "the action was stopped" in str((await session.run("r")).value)


async def test_interrupting_a_hanging_tool(session: Session) -> None:
    async with anyio.create_task_group() as tasks:

        async def stop() -> None:
            await anyio.sleep(0.2)
            await session.interrupt()

        tasks.start_soon(stop)
        result = await session.run("x = 1\nslow(1000)")
    assert result.error is not None
    assert (result.error.kind, result.state) == ("interrupted", "kept")
    assert (await session.run("x + add(1)")).value == "3"


async def test_cancelling_while_a_tool_works(session: Session) -> None:
    with anyio.move_on_after(0.3):
        await session.run("slow(1000)")
    assert (await session.run("add(1)")).value == "2"


async def test_the_number_of_calls_is_limited(backend: Sandbox, tools: Tools) -> None:
    async with backend.open(tools, limits=Limits(tool_calls=3)) as session:
        result = await session.run("n = 0\nwhile True:\n    add(1)\n    n += 1")
        assert result.error is not None
        assert "more than 3 tool calls" in result.error.message
        assert len(tools.calls) == 3
        assert (await session.run("add(n)")).value == "4"


async def test_a_value_too_large_to_cross_is_refused(session: Session) -> None:
    result = await session.run("echo(bytes(300 << 20))", time_limit=60)
    assert result.error is not None
    assert "too much for one message" in result.error.message
    assert (await session.run("add(1)")).value == "2"


async def test_calls_after_the_action_or_from_a_fork_are_refused(session: Session) -> None:
    code = (
        "import threading, time, os\nerrors = []\n"
        "def late():\n    while not os.path.exists('go'): time.sleep(0.01)\n"
        "    try: add(1)\n    except Exception as e: errors.append(str(e))\n    open('gone', 'w').close()\n"
        "t = threading.Thread(target=late); t.start()\n"
        "if (pid := os.fork()) == 0:\n    try: add(1)\n    except RuntimeError: os._exit(7)\n"
        "os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])"
    )
    assert (await session.run(code)).value == "7"
    await session.put("go", b"")
    with anyio.fail_after(30):
        while "gone" not in [file.path for file in await session.files()]:  # noqa: ASYNC110 (nothing tells)
            await anyio.sleep(0.05)
    assert "after its action had ended" in str((await session.run("errors")).value)


async def test_a_call_that_outlives_its_action_is_let_go(session: Session) -> None:
    code = (
        "import threading\nseen = []\n"
        "def f():\n    try: slow(1000)\n    except Exception as e: seen.append(type(e).__name__)\n"
        "t = threading.Thread(target=f); t.start(); import time; time.sleep(0.2)"
    )
    await session.run(code)
    assert (await session.run("t.join(5); seen")).value == "['InterruptedError']"


async def test_a_call_at_the_very_end_of_an_action_comes_back(session: Session) -> None:
    code = (
        "import threading\nended = []\n"
        "def f():\n    try: add(1)\n    except Exception: pass\n    ended.append(1)\n"
        "t = threading.Thread(target=f); t.start()"
    )
    for _ in range(20):
        await session.run(code)
        assert (await session.run("t.join(30); ended")).value == "[1]"


async def test_a_stub_may_shadow_a_builtin(backend: Sandbox, tools: Tools) -> None:
    tools.specs = [type(tools.specs[0])(name="print", signature="(value)", doc="", schema={})]
    tools._functions = {"print": tools._functions["echo"]}
    async with backend.open(tools) as session:
        assert (await session.run("print(5)")).value == "5"


async def test_forged_frames_kill_the_worker_and_never_the_host(session: Session, tools: Tools) -> None:
    find = (
        "import gc, json, struct, socket\n"
        "link = next(o for o in gc.get_objects() if type(o).__name__ == 'Link')\n"
        "channel = link._channel\n"
        "def send(raw):\n"
        "    if hasattr(channel, '_socket'): return channel._socket.sendall(raw)\n"
        "    note = {'codeact': {'number': channel._sent}}\n"
        "    channel._kernel.session.send(channel._messages, 'input_request', note, channel._parent,\n"
        "                                 ident=channel._ident, buffers=[raw])\n"
        "def frame(*parts):\n    h = json.dumps([*parts, []]).encode()\n    return struct.pack('>II', len(h), 0) + h\n"
    )
    for attack in (
        "send(b'\\xff' * 8)",
        "send(b'GET / HTTP/1.1\\r\\n\\r\\n')",
        "send(frame('result', {'number': 999}))",
        "send(frame('result', {}))",
        "send(frame('nosuch', {}))",
        "send(struct.pack('>II', 100_000, 0) + b'[' * 100_000)",
        "send(frame('call', {'call': 1, 'name': 5, 'args': [], 'kwargs': {}}))",
        "bad = {'$': 'array', 'dtype': 'O', 'shape': [10**9], 'v': []}\n"
        "send(frame('call', {'call': 1, 'name': 'add', 'args': [bad], 'kwargs': {}}))",
        "send(frame('display', {'texts': {'text/plain': 5}, 'binary': []}))",
    ):
        result = await session.run(f"{find}{attack}\nimport time; time.sleep(20)")
        assert result.error is not None
        restored = "restored" if "checkpoint" in session.capabilities else "lost"
        assert (result.error.kind, result.state) == ("crashed", restored), attack
    unknown = await session.run(find + "link.call('nosuch', (), {})")
    assert unknown.error is not None
    assert (unknown.error.name, unknown.state) == ("NameError", "kept")
    assert tools.calls == []
    assert (await session.run("add(1)")).value == "2"
