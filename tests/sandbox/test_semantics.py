"""What an action means: IPython's words as a notebook has them, and errors that name the model's own lines."""

from __future__ import annotations

import base64

import anyio
import pytest

from codeact.sandbox import Session

pytestmark = pytest.mark.anyio

PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()


async def traceback_of(local: Session, code: str) -> str:
    error = (await local.run(code)).error
    assert error is not None
    return error.traceback


async def test_in_and_out_count_actions(local: Session) -> None:
    await local.run("first = 1")
    await local.run("first + 1")
    assert (await local.run("In[1], In[2], Out, _, _2")).value == "('first = 1', 'first + 1', {2: 2}, 2, 2)"
    await local.reset()
    assert (await local.run("In[4]")).value == "'In[4]'"


@pytest.mark.parametrize(
    ("code", "place"),
    [
        ("%%time\nx = 1\nx / 0", 'line 3, in <module>\n    x / 0'),
        ("%%capture out\nx = 1\nx / 0", 'line 3, in <module>\n    x / 0'),
        ("\n\n%%time\n1 / 0", 'line 2, in <module>\n    1 / 0'),
        ("x = 0\n%time 1 / x", "line 2, in <module>\n    %time 1 / x\nZeroDivisionError"),
        ("y = !ls\n1 / 0", "line 2, in <module>\n    1 / 0"),
        ("get_ipython().run_cell('1 / 0')", '<action 1, inner cell>", line 1'),
    ],
)  # fmt: skip
async def test_errors_below_magics_name_the_line_as_it_was_written(local: Session, code: str, place: str) -> None:
    assert place in await traceback_of(local, code)


async def test_functions_defined_below_a_magic_belong_to_their_action(local: Session) -> None:
    await local.run("%%time\ndef f(n):\n    return 1 / n")
    assert '"<action 1>", line 3, in f\n    return 1 / n' in await traceback_of(local, "f(0)")


async def test_time_shows_value_and_times_and_awaits(local: Session) -> None:
    result = await local.run("%%time\nimport asyncio\nawait asyncio.sleep(0, 'x')")
    assert (result.value, result.error) == ("'x'", None)
    assert "Wall time: " in result.stdout


async def test_a_recursion_is_folded(local: Session) -> None:
    text = await traceback_of(local, "def a(n): return b(n)\ndef b(n): return a(n)\na(0)")
    assert "[these 2 calls " in text
    assert len(text.splitlines()) < 15


async def test_a_long_way_is_cut_in_the_middle(local: Session) -> None:
    lines = [f"def f{n}(): f{n + 1}()" for n in range(60)]
    text = await traceback_of(local, "\n".join([*lines, "def f60(): 1 / 0", "f0()"]))
    assert "[22 more calls on the way here]" in text
    assert text.endswith("ZeroDivisionError: division by zero")


async def test_groups_chains_notes_and_files_are_told(local: Session) -> None:
    group = await traceback_of(local, "def f(): raise ValueError('a')\ntry:\n    f()\nexcept ValueError as e:\n"
                               "    raise ExceptionGroup('two', [e, TypeError('b')])")  # fmt: skip
    assert '<action 1>", line 5' in group
    assert "ValueError: a" in group
    assert "TypeError: b" in group
    note = await traceback_of(local, "e = KeyError('k'); e.add_note('try k2'); raise e")
    assert note.endswith("KeyError: 'k'\ntry k2")
    await local.put("mod.py", b"import json\ndef load(text):\n    return json.loads(text)\n")
    assert '/mod.py", line 3, in load' in await traceback_of(local, "import mod\nmod.load('{')")
    await local.put("bad.py", b"def f(:\n")
    text = await traceback_of(local, "import bad")
    assert "bad.py" in text
    assert "    def f(:\n          ^" in text


async def test_a_thread_that_fails_tells_its_own_frames_only(local: Session) -> None:
    result = await local.run("import threading\nt = threading.Thread(target=lambda: 1 / 0); t.start(); t.join()")
    assert result.error is None
    assert "Exception in thread Thread-" in result.stderr
    assert '<action 1>", line 2' in result.stderr
    assert "threading.py" not in result.stderr


async def test_scripts_capture_fail_and_run_behind(local: Session) -> None:
    await local.run("%%bash --out o --err e\necho out; echo err >&2")
    assert (await local.run("o, e")).value == "('out\\n', 'err\\n')"
    failed = await local.run("%%sh\necho so far\nexit 3")
    assert failed.stdout == "so far\n"
    assert failed.error is not None
    assert (failed.error.name, failed.error.line) == ("CalledProcessError", 1)
    assert (await local.run("%%script sh --no-raise-error\nexit 3")).error is None
    assert (await local.run("%%python\nprint(6 * 7)")).stdout == "42\n"
    before = await local.run("%%bash --bg --proc p\necho behind")  # what it prints comes now, between, or then
    after = await local.run("p.wait()")
    assert (after.value, before.stdout + after.late + after.stdout) == ("0", "behind\n")
    loops = "[thread for thread in threading.enumerate() if 'run_forever' in thread.name]"
    assert (await local.run(f"import threading; {loops}")).value == "[]"


async def test_magics_that_would_ask_or_prefill_do_something(local: Session) -> None:
    await local.run("x = 1")
    await local.put("a.py", b"y = 2\n")
    assert "y = 2" in (await local.run("%load a.py")).stdout
    assert (await local.run("%reset")).error is None
    assert (await local.run("'x' in globals()")).value == "False"
    assert (await local.run("%run a.py\ny")).value == "2"
    await local.run("%env COLOUR=red")
    assert (await local.run("!echo $COLOUR")).stdout == "red\n"
    assert "y" in (await local.run("%who")).stdout
    assert (await local.run("%timeit -n 1 -r 1 pass")).error is None
    assert (await local.run("%load_ext autoreload")).error is None


@pytest.mark.parametrize(
    "code", ["%pip install nosuch", "!pip install -q nosuch", "x = !python -m pip download nosuch"]
)
async def test_pip_is_refused_at_once_where_there_is_no_network(local: Session, code: str) -> None:
    result = await local.run(code)
    assert result.error is not None
    assert "no network" in result.error.message
    assert "without nosuch" in result.error.message
    assert (await local.run("%pip --version")).stdout.startswith("pip ")


@pytest.mark.parametrize(("code", "message"), [("exit(3)", "3"), ("exit", ""), ("quit()", "")])
async def test_exit_takes_a_code_or_none(local: Session, code: str, message: str) -> None:
    error = (await local.run(code)).error
    assert error is not None
    assert (error.kind, error.message) == ("exited", message)


async def test_a_rich_form_that_fails_does_not_fail_the_action(local: Session) -> None:
    result = await local.run(
        "class B:\n    def _repr_html_(self): raise ValueError('bad')\n    def __repr__(self): return 'b'\nB()"
    )
    assert (result.value, result.error) == ("b", None)
    assert result.stderr == "(a rich form of the B could not be made: ValueError: bad)\n"
    error = (await local.run("class C:\n    def __repr__(self): raise ValueError('worse')\nC()")).error
    assert error is not None
    assert (error.name, error.line) == ("ValueError", 2)


async def test_bundles_of_any_object(local: Session) -> None:
    code = (
        "class P:\n    def _repr_mimebundle_(self, include=None, exclude=None):\n        return {bundle}\n"
        "p = P(); display(p)"
    )
    plotly = "{'application/vnd.plotly.v1+json': {'data': [1]}, 'text/html': '<div>', 'text/plain': 'figure'}"
    (shown,) = (await local.run(code.replace("{bundle}", plotly))).displays
    assert shown.data == {
        "application/vnd.plotly.v1+json": '{"data": [1]}', "text/html": "<div>", "text/plain": "figure"
    }  # fmt: skip
    broken = "{'image/png': 'x', 5: 6, 'a/b': None, 'c/d': {1: object()}, 'text/plain': 'kept'}"
    (shown,) = (await local.run(code.replace("{bundle}", broken))).displays
    assert shown.data["text/plain"] == "kept"
    assert set(shown.data) == {"text/plain", "c/d"}


async def test_pictures_are_saved_once_in_their_own_format(local: Session) -> None:
    result = await local.run(f"display({{'image/png': '{PIXEL}', 'image/jpeg': '{PIXEL}'}}, raw=True)")
    assert [(list(display.data), display.name) for display in result.displays] == [(["image/png"], "figure-1.png")]
    result = await local.run(f"display({{'image/jpeg': '{PIXEL}'}}, raw=True)")
    assert result.displays[0].name == "figure-2.jpg"
    assert await local.get("figure-2.jpg") == base64.b64decode(PIXEL)


async def test_text_forms_of_display(local: Session) -> None:
    result = await local.run(
        "from IPython.display import Latex, Markdown, Math\ndisplay(Latex('$x$'), Markdown('# h'), Math('y'))"
    )
    assert [next(mime for mime in shown.data if mime != "text/plain") for shown in result.displays] == [
        "text/latex", "text/markdown", "text/latex"
    ]  # fmt: skip


async def test_a_warning_is_told_once_for_a_line_and_again_in_the_next_action(local: Session) -> None:
    for number in (1, 2):
        result = await local.run("import warnings\nfor _ in range(3): warnings.warn('careful')")
        assert result.stderr.count("UserWarning: careful") == 1
        assert f"<action {number}>:2" in result.stderr


async def test_logging_goes_to_standard_error(local: Session) -> None:
    result = await local.run("import logging; logging.warning('w'); logging.info('i')")
    assert (result.stdout, result.stderr) == ("", "WARNING:root:w\n")


async def test_programs_write_in_the_order_of_the_prints_around_them(local: Session) -> None:
    code = "import os, subprocess\nfor i in range(5):\n    print('p', i); subprocess.run(['echo', f's {i}'])"
    assert (await local.run(code)).stdout == "".join(f"p {i}\ns {i}\n" for i in range(5))


async def test_a_loop_is_there_for_code_that_asks_for_it(local: Session) -> None:
    await local.run("import asyncio\nawait asyncio.sleep(0)")
    await local.run("asyncio.run(asyncio.sleep(0))")
    assert (await local.run("asyncio.get_event_loop().run_until_complete(asyncio.sleep(0, 5))")).value == "5"


async def test_what_a_thread_of_an_earlier_action_prints_is_marked(local: Session) -> None:
    code = (
        "import sys, threading\ngo, done = threading.Event(), threading.Event()\n"
        "def work():\n    go.wait(); print('late', 1); print('error', file=sys.stderr); print('half', end='')\n"
        "    done.set(); threading.Event().wait()\n"
        "threading.Thread(target=work, daemon=True).start(); print('now')"
    )
    assert (await local.run(code)).stdout == "now\n"
    new = "t = threading.Thread(target=print, args=['new']); t.start(); t.join()"
    result = await local.run(f"go.set(); done.wait(); {new}; print('main')")
    assert result.stdout == "[background] late 1\nnew\nmain\n[background] half\n"
    assert (result.stderr, result.late) == ("[background] error\n", "")


async def test_what_a_thread_prints_between_actions_is_late_and_not_marked(local: Session) -> None:
    code = (
        "import os, threading, time\ndef work():\n    while not os.path.exists('go'): time.sleep(0.01)\n"
        "    print('late', flush=True); open('gone', 'w').close()\nthreading.Thread(target=work).start()"
    )
    await local.run(code)
    await local.put("go", b"")
    with anyio.fail_after(30):
        while "gone" not in [file.path for file in await local.files()]:  # noqa: ASYNC110 (nothing tells)
            await anyio.sleep(0.05)
    assert (await local.run("1")).late == "late\n"


async def test_the_arguments_of_the_process_are_none_of_the_agents(local: Session) -> None:
    code = "import argparse, sys; sys.argv, argparse.ArgumentParser().parse_args()"
    assert (await local.run(code)).value == "([''], Namespace())"


async def test_cd_goes_back_to_the_workspace(local: Session) -> None:
    result = await local.run("import os\nhere = os.getcwd()\n%cd -q /tmp\n%cd -q -\nos.getcwd() == here")
    assert (result.error, result.value) == (None, "True")
