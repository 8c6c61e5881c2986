"""Stubs of tools, without a box around them."""

from __future__ import annotations

import ast
import inspect
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeact.sandbox.box.awaiting import NAMES, Awaiting
from codeact.sandbox.box.stubs import ToolError, make_stub, parse_signature, tool_error


@pytest.mark.parametrize(
    "text",
    [
        "()",
        "(a)",
        "(a: int, /, b: str = 'x', *args: int, c: float = 1.5, **rest: object) -> dict[str, list[int]]",
        "(a, *, b=None)",
        "(rows: 'Frame | None' = None) -> Literal['x']",
        "(x=lambda: 0, y=__import__('os'))",
    ],
)
def test_signatures_are_kept_as_written(text: str) -> None:
    signature = parse_signature(text)
    assert signature is not None
    assert str(signature).replace("'", '"').replace(" ", "") == text.replace("'", '"').replace(" ", "")


@given(st.text() | st.text(alphabet="(),:=*/ ->[]ab'\n#;"))
def test_no_text_breaks_the_parser(text: str) -> None:
    signature = parse_signature(text)
    assert signature is None or isinstance(signature, inspect.Signature)


@pytest.mark.parametrize("text", ["", "a, b", "(a", "(): pass\nimport os\ndef f()", "(a, a)", "(a=1, b)"])
def test_what_is_no_signature_is_not_guessed(text: str) -> None:
    assert parse_signature(text) is None
    calls: list[Any] = []
    stub = make_stub({"name": "f", "signature": text, "doc": ""}, lambda *call: calls.append(call))
    stub(1, x=2)
    assert calls == [("f", (1,), {"x": 2})]


def test_errors_have_their_name_and_both_bases() -> None:
    error = tool_error("KeyError", "no such row")
    assert (type(error).__name__, str(error)) == ("KeyError", "no such row")
    assert isinstance(error, KeyError)
    assert isinstance(error, ToolError)
    assert not isinstance(tool_error("KeyboardInterrupt", ""), KeyboardInterrupt)


@pytest.mark.parametrize(
    "source",
    ["x = [f(1), g(2)]", "print(gather)", "await_ = 1", "foo.gather(f(x))", "create(f(1))"],
)
def test_code_without_await_is_left_alone(source: str) -> None:
    assert ast.unparse(Awaiting().visit(ast.parse(source))) == source


def test_await_of_an_ordinary_function_is_as_ever() -> None:
    async def f(x: int) -> int:
        return x + 1

    tree = Awaiting().visit(ast.parse("async def main():\n    return [await f(1), await f(x=2)]"))
    names: dict[str, Any] = {**NAMES, "f": f}
    exec(compile(tree, "<test>", "exec"), names)
    with pytest.raises(StopIteration) as done:
        names["main"]().send(None)
    assert done.value.value == [2, 3]
