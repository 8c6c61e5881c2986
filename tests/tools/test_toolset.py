"""Tools from several sources under one roof."""

from __future__ import annotations

import sys
from typing import Any

import pytest

import codeact.tools
from codeact.errors import MissingExtraError, ToolError, UsageError
from codeact.tools import ToolSet, tool
from codeact.types import ToolCall

pytestmark = pytest.mark.anyio


@tool
def lookup_rate(country: str) -> float:
    return len(country) / 10


def pay(amount: float) -> str:
    return f"paid {amount}"


class Shop:
    @tool
    def stock(self, item: str) -> int:
        return len(item)


async def test_functions_tools_and_other_sets_together() -> None:
    tools = ToolSet([lookup_rate, pay, ToolSet([Shop().stock])])
    assert [spec.name for spec in tools.specs] == ["lookup_rate", "pay", "stock"]
    assert await tools.call(ToolCall("lookup_rate", ("Japan",))) == 0.5
    assert await tools.call(ToolCall("pay", (), {"amount": 2})) == "paid 2.0"
    assert await tools.call(ToolCall("stock", ("tea",))) == 3


async def unknown(tools: ToolSet, name: str) -> str:
    with pytest.raises(ToolError) as caught:
        await tools.call(ToolCall(name))
    assert caught.value.name == "NameError"
    return str(caught.value)


async def test_an_unknown_name_gets_the_closest_and_all_names() -> None:
    tools = ToolSet([lookup_rate, pay])
    assert await unknown(tools, "lookup_rates") == (
        "there is no tool 'lookup_rates'; did you mean 'lookup_rate'? The tools are: lookup_rate, pay"
    )
    assert await unknown(tools, "xyz") == "there is no tool 'xyz'. The tools are: lookup_rate, pay"
    assert await unknown(ToolSet(), "xyz") == "there is no tool 'xyz': this run has no tools"


@pytest.mark.parametrize(
    ("tools", "words"),
    [
        ([pay, tool(pay)], "two tools are named 'pay'; remedy"),
        ([pay, ToolSet([pay])], "two tools are named 'pay'; remedy"),
        ([Shop.stock], "'stock' is a method of a class; remedy: take it from an instance"),
        (["pay"], "'pay' is not a tool"),
        ([lambda: 1], "has no name"),
    ],
)
def test_sets_that_cannot_work(tools: list[Any], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        ToolSet(tools)
    assert words in str(caught.value)


@pytest.mark.parametrize("missing", ["mcp", "mcp_types", "httpx2"])
def test_without_the_extra_one_sentence_names_it(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    monkeypatch.delitem(sys.modules, "codeact.tools.mcp", raising=False)
    with pytest.raises(MissingExtraError, match=r"pip install 'codeact\[mcp\]'"):
        _ = codeact.tools.mcp_tools
