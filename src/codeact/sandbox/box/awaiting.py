"""Lets an agent write `await tool(x)` although tools are plain functions.

Models write both. In the code of an action, and only where the session has tools:

    await f(x)                          f is a tool: runs it as a coroutine (`f.aio`); else as ever
    await x                             x is no awaitable: gives x
    asyncio.gather(f(x), *calls, …)     calls of tools run concurrently; values that are there already are taken as they
    are

The last holds for all of asyncio's functions that take awaitables. Code in files and in libraries is not touched.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable
from typing import Any

_HELPERS = {  # of asyncio, with which of their arguments are awaitables
    "gather": "all",
    **dict.fromkeys(["create_task", "ensure_future", "wait_for", "shield"], "first"),
    **dict.fromkeys(["wait", "as_completed"], "list"),
}
DEFERRED, SETTLED, SETTLED_ALL = "__codeact_deferred__", "__codeact_settled__", "__codeact_settled_all__"


def deferred(function: Any) -> Any:
    """The coroutine form of a tool's stub; any other function as it is."""
    return getattr(function, "aio", function) if getattr(function, "__module__", None) == "tools" else function


def settled(value: Any) -> Any:
    """Something that can be awaited and gives `value`, or what it gives."""
    return value if inspect.isawaitable(value) else _give(value)


def settled_all(values: Iterable[Any]) -> list[Any]:
    return [settled(value) for value in values]


async def _give(value: Any) -> Any:
    return value


NAMES = {DEFERRED: deferred, SETTLED: settled, SETTLED_ALL: settled_all}


class Awaiting(ast.NodeTransformer):
    def visit_Await(self, node: ast.Await) -> ast.AST:
        self.generic_visit(node)
        node.value = _settle(node.value)
        return ast.fix_missing_locations(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        match _helper(node.func):
            case "all":
                node.args = [_settle_star(arg) if isinstance(arg, ast.Starred) else _settle(arg) for arg in node.args]
            case "first" if node.args:
                node.args[0] = _settle(node.args[0])
            case "list" if node.args:
                node.args[0] = _settle_items(node.args[0])
            case _:
                return node
        return ast.fix_missing_locations(node)


def _helper(function: ast.expr) -> str:
    """Which arguments of a call are awaitables: all, the first, or the items of the first; empty for any other
    function.
    """
    match function:
        case ast.Name(id=name) | ast.Attribute(value=ast.Name(id="asyncio"), attr=name):
            return _HELPERS.get(name, "")
        case ast.Attribute(attr="create_task"):  # of a task group or a loop
            return "first"
        case _:
            return ""


def _settle(node: ast.expr) -> ast.expr:
    if isinstance(node, ast.Call) and not _helper(node.func):
        node.func = _call(DEFERRED, node.func)
    return _call(SETTLED, node)


def _settle_star(node: ast.Starred) -> ast.Starred:
    node.value = _settle_items(node.value)
    return node


def _settle_items(node: ast.expr) -> ast.expr:
    match node:
        case ast.ListComp() | ast.GeneratorExp() | ast.SetComp():
            node.elt = _settle(node.elt)
        case ast.List() | ast.Tuple() | ast.Set():
            node.elts = [_settle_star(item) if isinstance(item, ast.Starred) else _settle(item) for item in node.elts]
        case _:
            return _call(SETTLED_ALL, node)
    return node


def _call(name: str, argument: ast.expr) -> ast.Call:
    return ast.copy_location(ast.Call(ast.Name(name, ast.Load()), [argument], []), argument)
