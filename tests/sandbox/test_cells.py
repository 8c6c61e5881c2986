"""The short way from a cell to Python must give what IPython's own gives."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.inputtransformer2 import TransformerManager

from codeact.sandbox.box.cells import Transformers, may_await

PIECES = (
    *("x", "=", "1", " ", "\n", "    ", "\t", "\r", "\f", "%", "!", "?", ",", ";", "/", ".", "...", ">>> ", "%%", "'"),
    *("In [1]: ", "   ...: ", "'''", '"""', "#", "(", ")", "[", "]", ":", "\\", "def f():", "\u2028", "é", "?\n"),
)


class LongWay(Transformers):
    def transform_cell(self, cell: str) -> str:
        return TransformerManager.transform_cell(self, cell)


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_the_short_way_gives_what_the_long_way_gives(cell: str) -> None:
    assert Transformers().transform_cell(cell) == LongWay().transform_cell(cell)


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("%time 1", "get_ipython().run_line_magic('time', '1')\n"),
        ("\n\nx = 1", "\n\nx = 1\n"),
        ("a = [\n  1\n  , 2]", "a = [\n  1\n  , 2]\n"),
        (">>> x = 1\n... ", "x = 1\n\n"),
    ],
)
def test_what_may_be_more_than_python_goes_the_long_way(cell: str, code: str) -> None:
    assert Transformers().transform_cell(cell) == code


def y_for_x(lines: list[str]) -> list[str]:
    return [line.replace("x", "y") for line in lines]


def test_transformers_of_the_agents_own_are_asked() -> None:
    transformers = Transformers()
    own: Any = transformers
    own.line_transforms.append(y_for_x)
    assert transformers.transform_cell("x = 1") == "y = 1\n"


def test_a_cell_that_cannot_await_is_known_by_its_words() -> None:
    assert not may_await("x = 1")
    assert may_await("await f()")
    assert may_await("[x async for x in y]")
