"""Tools as an agent's code sees them: functions with the real signature and docstring, whose calls cross to the host.

A stub is an ordinary function: `f(x)` waits and gives the value, from any thread. `f.aio(x)` is the same as a
coroutine, for concurrency; `awaiting` lets `await f(x)` and `asyncio.gather(f(x), f(y))` mean that too. Wrong arguments
are refused here, before anything crosses.

The text of a signature comes from the host and is read as data (`ast.parse`), never run.
"""

from __future__ import annotations

import ast
import asyncio
import builtins
import inspect
import threading
from collections.abc import Callable, Mapping
from typing import Any

Call = Callable[[str, tuple[Any, ...], dict[str, Any]], Any]

_KINDS = inspect.Parameter


class ToolError(Exception):
    """A tool failed. Its own exception's name is kept as the class name: `except ValueError` and `except ToolError`
    both catch it.
    """

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


def tool_error(name: str, message: str) -> Exception:
    """The exception to raise in an agent's code for one that a tool raised in the host."""
    known = getattr(builtins, name, None)
    bases: tuple[type, ...] = (ToolError,)
    if isinstance(known, type) and issubclass(known, Exception):
        bases = (ToolError, known)
    if not name.isidentifier() or name == "ToolError":
        return ToolError(message)
    try:
        return type(name, bases, {"__module__": "builtins"})(message)
    except TypeError:  # one that wants more arguments than a message, such as UnicodeDecodeError
        return type(name, (ToolError,), {"__module__": "builtins"})(message)


def make_stub(spec: Mapping[str, str], call: Call) -> Callable[..., Any]:
    """A function for one tool: `spec` has its name, signature and doc."""
    name, text = spec["name"], spec["signature"]
    signature = parse_signature(text)
    check = None if signature is None else _checking(name, text, signature)

    def stub(*args: Any, **kwargs: Any) -> Any:
        if check is not None:
            check(*args, **kwargs)
        return call(name, args, kwargs)

    async def aio(*args: Any, **kwargs: Any) -> Any:
        return await _in_thread(stub, args, kwargs)

    stub.__name__ = stub.__qualname__ = name
    stub.__module__ = "tools"
    stub.__doc__ = spec["doc"]
    setattr(stub, "__signature__", signature)  # noqa: B010 (not an attribute the type checker knows)
    setattr(stub, "aio", aio)  # noqa: B010
    return stub


def parse_signature(text: str) -> inspect.Signature | None:
    """None when the text is not a signature; the call then crosses unchecked and the host judges it."""
    try:
        module = ast.parse(f"def _{text}: ...")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    function = module.body[0]
    if len(module.body) != 1 or not isinstance(function, ast.FunctionDef):
        return None
    returns = _Source(ast.unparse(function.returns)) if function.returns else inspect.Signature.empty
    try:
        return inspect.Signature(_parameters(function.args), return_annotation=returns)
    except ValueError:
        return None


def _parameters(arguments: ast.arguments) -> list[inspect.Parameter]:
    positional = [(arg, _KINDS.POSITIONAL_ONLY) for arg in arguments.posonlyargs]
    positional += [(arg, _KINDS.POSITIONAL_OR_KEYWORD) for arg in arguments.args]
    missing = len(positional) - len(arguments.defaults)
    defaults: list[ast.expr | None] = [None] * missing + list(arguments.defaults)
    found = [_parameter(arg, kind, default) for (arg, kind), default in zip(positional, defaults, strict=True)]
    if arguments.vararg:
        found.append(_parameter(arguments.vararg, _KINDS.VAR_POSITIONAL, None))
    found += [
        _parameter(a, _KINDS.KEYWORD_ONLY, d) for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    ]
    if arguments.kwarg:
        found.append(_parameter(arguments.kwarg, _KINDS.VAR_KEYWORD, None))
    return found


def _parameter(arg: ast.arg, kind: Any, default: ast.expr | None) -> inspect.Parameter:
    return inspect.Parameter(
        arg.arg,
        kind,
        default=_KINDS.empty if default is None else _Source(ast.unparse(default)),
        annotation=_KINDS.empty if arg.annotation is None else _Source(ast.unparse(arg.annotation)),
    )


class _Source(str):
    """Source text that is shown as it is, so that `help(f)` reads like the tool's own code."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _checking(name: str, text: str, signature: inspect.Signature) -> Callable[..., None]:
    """A function that raises TypeError for arguments that do not fit. The interpreter finds that out many times as fast
    as `inspect`, which is left to say why.
    """
    takes: Callable[..., None] = eval(f"lambda {_names(signature)}: None", {})  # noqa: S307 (of names and None only)

    def check(*args: Any, **kwargs: Any) -> None:
        try:
            takes(*args, **kwargs)
        except TypeError:
            _say_why(name, text, signature, args, kwargs)

    return check


def _names(signature: inspect.Signature) -> str:
    """The parameters without their annotations, and None for each default."""
    bare = [
        parameter.replace(annotation=_KINDS.empty, default=_KINDS.empty if parameter.default is _KINDS.empty else None)
        for parameter in signature.parameters.values()
    ]
    return str(inspect.Signature(bare))[1:-1]


def _say_why(
    name: str, text: str, signature: inspect.Signature, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> None:
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        raise TypeError(f"{name}() {error}; its parameters are {text}") from None


async def _in_thread(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A thread for one call. Not `asyncio.to_thread`: its pool would keep threads alive between actions."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()

    def settle(value: Any, error: BaseException | None) -> None:
        if not future.done():
            future.set_result(value) if error is None else future.set_exception(error)

    def run() -> None:
        value, problem = None, None
        try:
            value = function(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 (raised again where it is awaited)
            problem = error
        try:
            loop.call_soon_threadsafe(settle, value, problem)
        except RuntimeError:  # the loop was closed meanwhile
            return

    threading.Thread(target=run, daemon=True).start()
    return await future
