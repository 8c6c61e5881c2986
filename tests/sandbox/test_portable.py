"""Variables that outlive their session."""

from __future__ import annotations

import pytest

from codeact.errors import TransferError
from codeact.sandbox import Sandbox, load_state, save_state

pytestmark = pytest.mark.anyio

STATE = """
import math, threading, json as j
import numpy as np
class Point:
    total = 0
    def __init__(self, x): self.x = x; Point.total += 1
    def twice(self): return scale(self.x)
factor = 2
def scale(x):
    global calls
    calls += 1
    return x * factor
calls = 0
p = Point(21)
rows = [1, 2]; alias = rows; box = {'rows': rows, 'p': p}
loop = []; knot = {'loop': loop}; loop.append(knot)
table = np.arange(6.).reshape(2, 3)
lock = threading.Lock()
holder = [lock]
gen = (i for i in range(3))
adder = (lambda n: lambda x: x + n)(5)
late = lambda: lock.locked()
"""


async def test_values_functions_and_classes_live_on(backend: Sandbox) -> None:
    async with backend.open() as session:
        assert (await session.run(STATE)).error is None
        saved = await save_state(session)
        assert (await session.run("p.twice(), calls")).value == "(42, 1)"
        assert [file.path for file in await session.files()] == []
    assert set(saved.skipped) == {"lock", "holder", "gen"}
    assert "cannot pickle" in saved.skipped["lock"]
    async with backend.open() as another:
        await another.run("factor = 100; kept = 1")
        loaded = await load_state(another, saved.data)
        assert (loaded.skipped, loaded.changed) == ({}, [])
        assert {"p", "scale", "Point", "table", "adder", "j"} <= set(loaded.names)
        checks = (
            ("p.twice(), calls, isinstance(p, Point), Point.total", "(42, 1, True, 1)"),
            ("rows is alias is box['rows'], box['p'] is p, loop[0]['loop'] is loop", "(True, True, True)"),
            ("factor = 10; p.twice()", "210"),
            ("j.dumps(table.tolist()), adder(1), math.pi > 3", "('[[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]', 6, True)"),
            ("kept", "1"),
            ("late()", None),
        )  # fmt: skip
        for code, value in checks:
            assert (await another.run(code)).value == value, code


async def test_what_cannot_be_loaded_is_named_and_costs_no_other(server: Sandbox) -> None:
    async with server.open() as session:
        await session.put("mine.py", b"class Thing:\n    pass\n")
        await session.run("import mine\nthing = mine.Thing(); pair = [thing]; x = 1")
        saved = await save_state(session)
    async with server.open() as another:
        loaded = await load_state(another, saved.data)
        assert set(loaded.skipped) == {"mine", "thing", "pair"}
        assert "No module named 'mine'" in loaded.skipped["thing"]
        assert "refers to 'thing'" in loaded.skipped["pair"]
        assert (await another.run("x")).value == "1"


async def test_a_value_over_the_limit_is_left_out(server: Sandbox) -> None:
    async with server.open() as session:
        await session.run("small = 1; large = b'x' * 1_000_000")
        saved = await save_state(session, most=10_000)
        assert (list(saved.names), set(saved.skipped)) == (["small"], {"large"})


async def test_other_bytes_and_other_pythons_are_refused(server: Sandbox) -> None:
    async with server.open() as session:
        await session.run("x = 1")
        saved = await save_state(session)
        for data in (b"", b"x" * 100, saved.data[:20]):
            with pytest.raises(TransferError, match="not a saved state"):
                await load_state(session, data)
        version = saved.data[saved.data.index(b'"python": "') + 11 :].split(b'"')[0]
        foreign = saved.data.replace(b'"python": "' + version, b'"python": "' + b"2" * len(version))
        with pytest.raises(TransferError, match=r"saved by Python 2+ and this box runs"):
            await load_state(session, foreign)


async def test_a_pickle_that_attacks_meets_a_box(server: Sandbox) -> None:
    async with server.open() as session:
        await session.run("class Evil:\n    def __reduce__(self): return exec, ('import os; os._exit(9)',)\ne = Evil()")
        saved = await save_state(session)
        await session.run("x = 1")
        with pytest.raises(TransferError, match="exit code 9"):
            await load_state(session, saved.data)
        assert (await session.run("2")).value == "2"
