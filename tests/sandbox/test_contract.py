"""What every backend must do, run against each."""

from __future__ import annotations

import anyio
import pytest

from codeact.errors import SessionClosedError, TransferError, UsageError
from codeact.events import DisplayShown, Event, OutputChunk
from codeact.sandbox import Limits, Sandbox, Session, sandbox
from codeact.sandbox.endings import KEPT

pytestmark = pytest.mark.anyio


async def check_replaced(session: Session, state: str, name: str) -> None:
    """After the death of an interpreter: a variable of this name that was 1 still is, or is lost where the backend
    keeps no standby.
    """
    after = await session.run(name)
    if "checkpoint" in session.capabilities:
        assert (state, after.value) == ("restored", "1")
    else:
        assert state == "lost"
        assert after.error is not None
        assert after.error.name == "NameError"


async def test_the_last_expression_is_the_value(session: Session) -> None:
    assert (await session.run("1 + 1")).value == "2"
    assert (await session.run("x = 3")).value is None
    assert (await session.run("x * 2;")).value is None
    assert (await session.run("_ , Out[1], x")).value == "(2, 2, 3)"


async def test_output_is_split_by_stream(session: Session) -> None:
    result = await session.run(
        "import sys, os; print('a'); print('b', file=sys.stderr); os.system('echo c'); print('d')"
    )
    assert (result.stdout, result.stderr) == ("a\nc\nd\n", "b\n")


async def test_output_arrives_while_the_code_runs(session: Session) -> None:
    seen: list[str] = []

    def emit(event: Event) -> None:
        if isinstance(event, OutputChunk):
            seen.append(event.text)

    result = await session.run("import time\nfor i in range(3):\n    print(i)\n    time.sleep(0.1)", emit=emit)
    assert len(seen) >= 3
    assert "".join(seen) == result.stdout == "0\n1\n2\n"


async def test_a_print_before_a_long_wait_is_seen_at_once(session: Session) -> None:
    seen = anyio.Event()

    def emit(event: Event) -> None:
        if isinstance(event, OutputChunk) and "two" in event.text:
            seen.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: session.run("import time; print('one'); print('two'); time.sleep(60)", emit=emit))
        with anyio.fail_after(10):
            await seen.wait()
        await session.interrupt()


async def test_an_error_names_the_line_and_only_own_frames(session: Session) -> None:
    result = await session.run("\n\nimport json\ndef f(text):\n    return json.loads(text)\n\nf('{')")
    assert result.error is not None
    assert (result.error.kind, result.error.name, result.error.line) == ("exception", "JSONDecodeError", 5)
    assert result.error.message.startswith("Expecting property name")
    assert '<action 1>", line 5, in f' in result.error.traceback
    assert "decoder.py" not in result.error.traceback


async def test_errors_of_library_code_have_no_foreign_causes(session: Session) -> None:
    result = await session.run("import pandas as pd\npd.DataFrame({'a': [1]})['b']")
    assert result.error is not None
    assert (result.error.name, result.error.message, result.error.line) == ("KeyError", "'b'", 2)
    assert result.error.traceback.count("Error") == 1


async def test_own_causes_are_kept(session: Session) -> None:
    result = await session.run("try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise ValueError('no') from e")
    assert result.error is not None
    assert "ZeroDivisionError" in result.error.traceback
    assert result.error.line == 4


async def test_code_that_cannot_be_compiled(session: Session) -> None:
    for code, name, line in (
        ("x = 1\ndef f(:\n    pass", "SyntaxError", 2),
        ("if True:\nx = 1", "IndentationError", 2),
        ("a = 1\n\0", "SyntaxError", None),
        ("return 5", "SyntaxError", 1),
        ("%nosuchmagic", "UsageError", None),
        ("s = '\ud800'\ns.encode()", "UnicodeEncodeError", None),
    ):
        result = await session.run(code)
        assert result.error is not None
        assert result.error.name == name
        assert line is None or result.error.line == line
        assert (await session.run("1")).value == "1"


async def test_top_level_await_and_asyncio_run(session: Session) -> None:
    assert (await session.run("import asyncio\nawait asyncio.sleep(0, 'x')")).value == "'x'"
    assert (await session.run("async def f(): return 5\nasyncio.run(f())")).value == "5"
    await session.run("task = asyncio.create_task(asyncio.sleep(0.05, 'late'))")
    await session.run("async def g(): return 6\ntask = asyncio.ensure_future(g()); await asyncio.sleep(0)")
    assert (await session.run("await task")).value == "6"


async def test_shell_commands_and_magics(session: Session) -> None:
    await session.put("a.txt", b"hello")
    assert "a.txt" in (await session.run("!ls")).stdout
    assert (await session.run("files = !ls\nfiles[0]")).value == "'a.txt'"
    assert (await session.run("!exit 3\n_exit_code")).value == "3"
    assert (await session.run("%%bash\ncat a.txt")).stdout == "hello"
    assert (await session.run("%%writefile b.py\ny = 7")).error is None
    assert (await session.run("import b; b.y")).value == "7"
    assert "Wall time" in (await session.run("%time 1 + 1")).stdout
    assert (await session.run("%matplotlib inline")).error is None
    assert (await session.run("%cd ..\n%cd work")).error is None


async def test_input_is_refused_with_a_reason(session: Session) -> None:
    for code in ("input('name? ')", "import getpass; getpass.getpass()", "breakpoint()"):
        result = await session.run(code)
        assert result.error is not None
        assert result.error.name == "RuntimeError"
        assert "nobody at the keyboard" in result.error.message


async def test_rich_display(session: Session) -> None:
    result = await session.run(
        "from IPython.display import HTML, JSON, SVG, display\n"
        "display(HTML('<b>x</b>')); display(JSON({'a': [1]}))\n"
        "display(SVG('<svg xmlns=\"http://www.w3.org/2000/svg\"/>'))\n"
        "class Both:\n    def _repr_html_(self): return '<i>'\n    def __repr__(self): return 'both'\nBoth()"
    )
    assert result.error is None
    html, json, svg, both = (display.data for display in result.displays)
    assert html["text/html"] == "<b>x</b>"
    assert json["application/json"] == '{"a": [1]}'
    assert str(svg["image/svg+xml"]).startswith("<svg")
    assert (both["text/html"], result.value) == ("<i>", "both")


async def test_figures_are_shown_named_and_saved(session: Session) -> None:
    shown: list[str | None] = []

    def emit(event: Event) -> None:
        if isinstance(event, DisplayShown):
            shown.append(event.display.name)

    code = "import matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.show()\nfig, ax = plt.subplots(); ax.plot([3])\nfig"
    result = await session.run(code, emit=emit)
    assert result.error is None
    assert [display.name for display in result.displays] == shown == ["figure-1.png", "figure-2.png"]
    assert all(bytes(display.data["image/png"]).startswith(b"\x89PNG") for display in result.displays)
    assert await session.get("figure-2.png") == result.displays[1].data["image/png"]
    assert (await session.run("plt.get_fignums()")).value == "[]"


async def test_a_figure_that_cannot_be_drawn_is_reported(session: Session) -> None:
    result = await session.run("import matplotlib.pyplot as plt\nplt.title('$\\\\frac$'); 1")
    assert result.value == "1"
    assert "ValueError" in result.stderr or "Parse" in result.stderr


@pytest.mark.parametrize(
    ("code", "state"),
    [
        ("while True: pass", "kept"),
        ("import time; time.sleep(60)", "kept"),
        ("import asyncio; await asyncio.sleep(60)", "kept"),
        ("!sleep 60", "kept"),
        ("import threading; threading.Event().wait()", "kept"),
        ("import signal; signal.signal(signal.SIGINT, lambda *_: None)\nwhile True: pass", "restored"),
        ("sum(range(10**12))", "restored"),
        ("import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass", "restored"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSTOP)", "restored"),
    ],
)
async def test_a_time_limit_always_returns(session: Session, code: str, state: str) -> None:
    await session.run("kept = 1")
    await session.put("file.txt", b"x")
    with anyio.fail_after(10):
        result = await session.run(code, time_limit=0.2)
    assert result.error is not None
    assert (result.error.kind, result.error.name) == ("timeout", "TimeoutError")
    assert KEPT[result.state] in result.error.message
    if state == "kept":
        assert (result.state, (await session.run("kept")).value) == ("kept", "1")
    else:
        await check_replaced(session, result.state, "kept")
    assert await session.get("file.txt") == b"x"


async def test_the_line_of_a_timeout_is_known(session: Session) -> None:
    result = await session.run("x = 1\nwhile True:\n    pass", time_limit=0.2)
    assert result.error is not None
    assert result.error.line in (2, 3)
    assert result.error.traceback.splitlines()[-1].startswith("TimeoutError: ")


async def test_an_interrupted_cell_does_not_go_on_in_the_next(session: Session) -> None:
    await session.run(
        "import asyncio\nasync def f():\n    await asyncio.sleep(0.5)\n    print('went on')\nawait f()", time_limit=0.1
    )
    result = await session.run("await asyncio.sleep(0.8)")
    assert (result.stdout, result.late) == ("", "")


async def test_interrupt(session: Session) -> None:
    await session.run("x = 1")
    async with anyio.create_task_group() as tasks:

        async def stop() -> None:
            await anyio.sleep(0.2)
            await session.interrupt()

        tasks.start_soon(stop)
        result = await session.run("import time; time.sleep(60)")
    assert result.error is not None
    assert (result.error.kind, result.state) == ("interrupted", "kept")
    assert (await session.run("x")).value == "1"
    await session.interrupt()  # nothing runs: nothing happens
    assert (await session.run("x")).value == "1"


async def test_cancelling_run_leaves_the_session_usable(session: Session) -> None:
    await session.run("x = 1")
    for code in ("while True: pass", "import time; time.sleep(60)", "sum(range(10**12))"):
        with anyio.move_on_after(0.2) as scope:
            await session.run(code)
        assert scope.cancelled_caught
    result = await session.run("2")
    assert (result.value, result.stdout, result.state) == ("2", "", "kept")


async def test_cancelling_before_the_code_has_crossed(session: Session) -> None:
    for delay in (0.0, 0.002):
        with anyio.move_on_after(delay):
            await session.run("x = '" + "a" * 3_000_000 + "'")
    assert (await session.run("3")).value == "3"


async def test_cancelling_at_any_moment_keeps_the_state(session: Session) -> None:
    await session.run("x = 1")
    for step in range(40):
        with anyio.move_on_after(step * 0.0004):
            await session.run(f"y = {step}; print('x' * 30_000)")
        with anyio.move_on_after(step * 0.0002):
            await session.variables()
        with anyio.move_on_after(step * 0.0002):
            await session.put("file", b"x" * step)
    result = await session.run("y = 40; x, y")
    assert (result.value, result.stdout, result.state) == ("(1, 40)", "", "kept")


async def test_cancelling_a_restart_leaves_an_interpreter(session: Session) -> None:
    for step in range(10):
        with anyio.move_on_after(step * 0.003):
            await session.reset()
        with anyio.move_on_after(step * 0.003):
            await session.run("import os; os._exit(1)")
    assert (await session.run("1 + 1")).value in ("2", None)  # None: the death of the one before is told first
    assert (await session.run("1 + 1")).value == "2"


@pytest.mark.parametrize(
    ("code", "kind", "name"),
    [
        ("import os; os._exit(3)", "exited", "SystemExit"),
        ("import ctypes; ctypes.string_at(0)", "crashed", "SIGSEGV"),
        ("import os; os.abort()", "crashed", "SIGABRT"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "crashed", "SIGKILL"),
    ],
)
async def test_a_crash_is_reported_and_the_interpreter_restarted(
    session: Session, code: str, kind: str, name: str
) -> None:
    await session.run("x = 1; open('f.txt', 'w').write('kept')")
    result = await session.run(f"print('before', flush=True)\n{code}")
    assert result.error is not None
    if "checkpoint" in session.capabilities:
        assert (result.error.kind, result.error.name, result.stdout) == (kind, name, "before\n")
    else:  # nor does it learn what a process elsewhere died of, and what it said last
        assert (result.error.kind, result.error.name) == ("crashed", "KernelError")
    assert (await session.run("open('f.txt').read()")).value == "'kept'"
    await check_replaced(session, result.state, "x")


async def test_a_death_between_actions_is_told_to_the_next(session: Session) -> None:
    await session.run("import os, threading; t = threading.Timer(0.1, os._exit, (5,)); t.start()")
    await anyio.sleep(0.3)
    result = await session.run("1")
    assert (result.value, result.state) == (None, "lost")  # a thread was running, so there was no standby
    assert result.error is not None
    assert "was not run" in result.error.message
    assert (await session.run("1")).value == "1"


async def test_exit_ends_the_action_only(session: Session) -> None:
    await session.run("x = 1")
    for code in ("exit()", "quit()", "import sys; sys.exit(2)", "raise SystemExit"):
        result = await session.run(code)
        assert result.error is not None
        assert (result.error.kind, result.state, result.stderr) == ("exited", "kept", "")
        assert (await session.run("x")).value == "1"


async def test_a_fork_that_falls_through_does_not_serve(session: Session) -> None:
    result = await session.run("import os\npid = os.fork()\nprint('parent' if pid else 'child')")
    assert result.stdout.replace("child", "").split() == ["parent"]  # the child's may come in the middle, or later
    assert [(await session.run(f"{n}")).value for n in range(3)] == ["0", "1", "2"]
    assert (await session.run("os.waitpid(pid, 0)[1]")).value == "0"


ODD = [
    "import sys; sys.stdout = None",
    "import sys; sys.stdout.close(); sys.stderr.close()",
    "import os\nfor fd in range(3): os.close(fd)",
    "import sys; sys.excepthook = sys.displayhook = None",
    "class E(Exception):\n    def __str__(self): raise RuntimeError\n    __repr__ = __str__\nraise E",
    "class R:\n    def __repr__(self): raise RuntimeError('no')\nR()",
    "import builtins; builtins.print = builtins.open = builtins.len = None",
    "raise BaseException('odd')",
    "import signal; signal.signal(signal.SIGINT, signal.SIG_DFL)",
    "import sys; sys.setrecursionlimit(50)",
    "import sys; sys.setrecursionlimit(1000)",
    "def f(): f()\nf()",
    "import os; os.chdir('/'); os.environ.clear()",
    "import threading; threading.Thread(target=lambda: 1 / 0).start()",
    "del get_ipython, In, Out, _, exit",
]


async def test_odd_code_leaves_a_session_that_works(session: Session) -> None:
    for code in ODD:
        await session.run(code)
        result = await session.run("import sys; sys.stdout.write('fine\\n'); sys.stderr.write('too\\n'); 1 + 1")
        assert (result.value, result.stdout) == ("2", "fine\n"), code
        assert "too\n" in result.stderr, code  # a thread may still complain around it


async def test_a_hundred_megabytes_of_output_are_bounded(backend: Sandbox) -> None:
    seen = 0

    def emit(event: Event) -> None:
        nonlocal seen
        seen += len(event.text) if isinstance(event, OutputChunk) else 0

    async with backend.open(limits=Limits(output=1_000_000)) as session:
        result = await session.run(
            "print('start')\nfor _ in range(100): print('x' * 1_000_000)\nprint('end')", emit=emit
        )
        assert result.error is None
        assert 700_000 < len(result.stdout) < 1_000_000
        assert result.stdout.startswith("start")
        assert result.stdout.endswith("end\n")
        assert "bytes of output were dropped" in result.stdout
        assert result.dropped > 98_000_000
        assert seen <= 1_000_000
        assert result.overflow == ".codeact/output-1.txt"
        assert (await session.get(result.overflow)).decode() == result.stdout
        assert (await session.run("'y' * 10_000_000")).value is not None


async def test_late_output_is_marked(session: Session) -> None:
    await session.run(
        "import threading, time\ndef f():\n    time.sleep(0.1)\n    print('late')\nthreading.Thread(target=f).start()"
    )
    await anyio.sleep(0.3)
    result = await session.run("print('now')")
    assert (result.late, result.stdout) == ("late\n", "now\n")


async def test_memory_is_limited(backend: Sandbox) -> None:
    async with backend.open(limits=Limits(memory=1 << 30)) as session:
        await session.run("x = 1")
        result = await session.run("b = bytearray(2 << 30)")
        assert result.error is not None
        assert (result.error.kind, result.error.name, result.state) == ("out_of_memory", "MemoryError", "kept")
        assert (await session.run("x")).value == "1"


async def test_reset_and_variables(session: Session) -> None:
    await session.run(
        "import json\na = [1, 2]; s = 'x' * 1000\nclass Bad:\n    def __repr__(self): raise ValueError\nbad = Bad()"
    )
    found = {variable.name: variable for variable in await session.variables()}
    assert set(found) == {"a", "s", "Bad", "bad"}
    assert (found["a"].type, found["a"].shape, found["a"].preview) == ("list", "len 2", "[1, 2]")
    assert len(found["s"].preview) <= 80
    await session.run("import numpy as np; m = np.zeros((100, 3))")
    shapes = {variable.name: (variable.shape, variable.size) for variable in await session.variables()}
    assert shapes["m"] == ("(100, 3)", 2400)
    await session.put("f.txt", b"x")
    await session.reset()
    assert await session.variables() == []
    assert await session.get("f.txt") == b"x"


async def test_files_go_in_and_out(session: Session, tmp_path: anyio.Path) -> None:
    source = tmp_path / "host.bin"
    source.write_bytes(data := bytes(range(256)) * 40_000)
    await session.put("deep/er/data.bin", source)
    assert await session.get("deep/er/data.bin") == data
    await session.put("empty.txt", b"")
    assert await session.get("empty.txt") == b""
    await session.put("empty.txt", b"now not")
    assert (await session.run("open('empty.txt').read()")).value == "'now not'"
    await session.run("open('made.txt', 'w').write('abc')")
    names = {file.path: file.size for file in await session.files()}
    assert names == {"deep/er/data.bin": len(data), "empty.txt": 7, "made.txt": 3}


async def test_paths_that_leave_the_workspace_are_refused(session: Session) -> None:
    for path in ("/etc/passwd", "../x", "a/../../x", "", ".", "a/..", "nul\0", "sur\ud800"):
        with pytest.raises(TransferError):
            await session.put(path, b"x")
        with pytest.raises(TransferError):
            await session.get(path)


async def test_links_and_devices_are_not_followed(session: Session) -> None:
    await session.run(
        "import os\nos.symlink('/etc/passwd', 'link'); os.symlink('/etc', 'dir'); os.mkfifo('fifo'); os.mkdir('folder')"
    )
    for path in ("link", "dir/passwd", "fifo", "folder", "missing"):
        with pytest.raises(TransferError):
            await session.get(path)
    with pytest.raises(TransferError):
        await session.put("dir/new", b"x")
    await session.put("link", b"replaced")  # the link itself is replaced, not what it points to
    assert await session.get("link") == b"replaced"
    assert [file.path for file in await session.files()] == ["link"]


async def test_a_binary_csv_gives_an_ordinary_error(session: Session) -> None:
    await session.put("data.csv", bytes(range(256)) * 10)
    result = await session.run("import pandas as pd\npd.read_csv('data.csv')")
    assert result.error is not None
    assert result.error.kind == "exception"
    assert result.error.line == 2
    assert result.state == "kept"


async def test_final_answer_stops_the_action(session: Session) -> None:
    result = await session.run(
        "try:\n    final_answer({'a': [1, None]})\nexcept Exception:\n    pass\nprint('not reached')"
    )
    assert result.answer is not None
    assert (result.answer.value, result.error, result.stdout) == ({"a": [1, None]}, None, "")
    text = await session.run("final_answer('plain words')")
    assert text.answer is not None
    assert (text.answer.text, text.answer.value) == ("plain words", "plain words")
    odd = await session.run("final_answer({1, 2})")
    assert odd.answer is not None
    assert (odd.answer.text, odd.answer.value) == ("{1, 2}", None)
    assert (await session.run("1")).answer is None


async def test_a_closed_session_says_so(backend: Sandbox) -> None:
    async with backend.open() as session:
        pass
    for use in (session.run("1"), session.get("x"), session.files(), session.reset(), session.variables()):
        with pytest.raises(SessionClosedError):
            await use


async def test_the_box_describes_itself(session: Session) -> None:
    assert (
        await session.run("import platform; print(platform.python_version())")
    ).stdout.strip() == session.info.python
    assert (await session.run("import os; os.getcwd()")).value == repr(session.info.workspace)
    assert "numpy" in session.info.packages


async def test_sessions_do_not_share_randomness_or_state(backend: Sandbox) -> None:
    code = "import random, numpy; (random.random(), numpy.random.rand())"
    async with backend.open() as one, backend.open() as two:
        first, second = await one.run(code), await two.run(code)
        assert first.value != second.value
        assert (await two.run("'random' in globals()")).value == "True"


def test_unknown_names_and_options_are_usage_errors() -> None:
    for name, options in (
        ("nosuch", {}),
        ("codeact.nosuch:X", {}),
        ("local", {"color": 1}),
        ("local", {"require": "strong"}),
    ):
        with pytest.raises(UsageError):
            sandbox(name, **options)
    assert sandbox("codeact.sandbox.plain:SubprocessSandbox").name == "subprocess"
