"""`@tool`: a typed Python function as a tool."""

from __future__ import annotations

import inspect
import re
import sys
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, ParamSpec, TypeVar, cast, overload

import anyio

from codeact.errors import ToolError, UsageError
from codeact.tools.arguments import Arguments, arguments_of
from codeact.tools.base import name_problem
from codeact.tools.calling import invoke, is_broken, root_cause, tool_error
from codeact.tools.docstring import parameter_descriptions
from codeact.tools.render import as_data
from codeact.tools.signature import records_text, signature_text
from codeact.types import ToolSpec

P = ParamSpec("P")
R = TypeVar("R")

TIME_LIMIT = 60.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionTool(Generic[P, R]):
    """A function that models can call too. Called from Python it is the function itself."""

    function: Callable[P, R]
    spec: ToolSpec
    arguments: Arguments
    hints: Mapping[str, Any] | None  # resolved; None for a method whose hints cannot be resolved inside its class
    time_limit: float | None  # seconds

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.function(*args, **kwargs)

    def __get__(self, instance: object | None, owner: type | None = None) -> FunctionTool[..., R]:
        """Access through an instance binds the method, as for any function."""
        if instance is None:
            return self
        bound: Callable[..., R] = self.function.__get__(instance, owner)
        hints = self.hints
        if hints is None:  # the class itself, say, which has a name only now
            hints = _hints(self.spec.name, bound, {type(instance).__name__: type(instance)})
        options = Options(self.spec.name, self.spec.read_only, self.spec.needs_approval, self.time_limit)
        return _make(bound, options, hints)

    @property
    def __wrapped__(self) -> Callable[P, R]:
        """For `inspect` and documentation tools."""
        return self.function

    @property
    def __name__(self) -> str:
        return self.spec.name

    async def call(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Call it for a model: arguments checked, off the event loop, inside the time limit; the value is plain data.

        A sync function cannot be stopped at its limit; its thread is left behind and its value dropped.

        Raises:
            ToolError: wrong arguments, the time limit, or what the function raised.
            SandboxError: the machinery behind it failed (`is_broken`).
        """
        with anyio.move_on_after(self.time_limit):
            try:
                return as_data(await invoke(self.function, self.arguments.bind(args, kwargs)))
            except ToolError:
                raise
            # A host tool may raise anything, `sys.exit()` included; all but failed machinery is the model's to read.
            except (Exception, SystemExit) as error:
                if is_broken(found := root_cause(error)):
                    raise found from None
                raise tool_error(error, given=(args, kwargs)) from error
        raise ToolError(f"{self.spec.name}() did not finish within {self.time_limit:g} seconds", name="TimeoutError")


@dataclass(frozen=True, slots=True)
class Options:
    name: str | None = None
    read_only: bool = False
    needs_approval: bool = False
    time_limit: float | None = TIME_LIMIT  # seconds; None for none


@overload
def tool(
    function: Callable[P, R],
    /,
    *,
    name: str | None = None,
    read_only: bool = False,
    needs_approval: bool = False,
    time_limit: float | None = TIME_LIMIT,
) -> FunctionTool[P, R]: ...


@overload
def tool(
    *,
    name: str | None = None,
    read_only: bool = False,
    needs_approval: bool = False,
    time_limit: float | None = TIME_LIMIT,
) -> Callable[[Callable[P, R]], FunctionTool[P, R]]: ...


def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    read_only: bool = False,
    needs_approval: bool = False,
    time_limit: float | None = TIME_LIMIT,
) -> Any:
    """Make a tool of a function, bare (`@tool`) or with options (`@tool(read_only=True)`).

    Type hints become the schema and the checks, the docstring the description. Sync functions run in a thread.
    `time_limit` is in seconds, None for none; `read_only` says that a call changes nothing, `needs_approval` that a
    person is asked before each call.

    Raises:
        UsageError: no usable name, a hint that cannot be resolved or checked, or not a plain function.
    """
    options = Options(name, read_only, needs_approval, time_limit)
    # Hints may name classes that are local to where the decorator stands, as pydantic allows for its models.
    frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
    local = dict(frame.f_locals)
    in_class = "__qualname__" in local
    if in_class and frame.f_back is not None:
        local = {**frame.f_back.f_locals, **local}

    def decorate(function: Callable[..., Any]) -> FunctionTool[..., Any]:
        if isinstance(function, FunctionTool):
            return decorate(function.function)
        try:
            hints = _hints(_name(function, name), function, local)
        except UsageError:
            if not in_class:
                raise
            hints = None  # resolved when the method is bound
        return _make(function, options, hints)

    return decorate if function is None else decorate(function)


def _make(
    function: Callable[..., Any], options: Options, known_hints: Mapping[str, Any] | None
) -> FunctionTool[..., Any]:
    if options.time_limit is not None and not options.time_limit > 0:
        raise UsageError(f"time_limit={options.time_limit!r} must be a number of seconds above 0, or None for no limit")
    name = _name(function, options.name)
    signature = _signature(name, function)
    shown = {key: hint for key, hint in (known_hints or {}).items() if key in signature.parameters or key == "return"}
    doc = inspect.getdoc(_definition(function)) or ""
    arguments = arguments_of(name, signature, shown)
    spec = ToolSpec(
        name=name,
        signature=signature_text(signature, shown),
        doc="\n\n".join(filter(None, [doc, records_text(shown)])),
        schema=arguments.schema(parameter_descriptions(doc, signature.parameters)),
        read_only=options.read_only,
        needs_approval=options.needs_approval,
    )
    return FunctionTool(
        function=function, spec=spec, arguments=arguments, hints=known_hints, time_limit=options.time_limit
    )


def _name(function: Callable[..., Any], wanted: str | None) -> str:
    name = wanted or getattr(function, "__name__", None)
    if name is None or name == "<lambda>":
        raise UsageError(f"{function!r} has no name a model could call it by; remedy: tool(…, name='a_good_name')")
    if problem := name_problem(name):
        raise UsageError(f"a tool cannot be named {name!r}: that {problem}; remedy: @tool(name={_like(name)!r})")
    return name


def _like(name: str) -> str:
    """A name that a tool can have, made of one that it cannot."""
    words = re.sub(r"\W+", "_", name).strip("_")
    return f"{words}_tool" if words[:1].isidentifier() else f"tool_{words}".rstrip("_")


def _signature(name: str, function: Callable[..., Any]) -> inspect.Signature:
    if isinstance(function, type) or not callable(function):
        raise UsageError(
            f"tool {name!r} must be a function, not {function!r}; remedy: write a function that makes or uses it"
        )
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise UsageError(f"tool {name!r} is a generator, whose items cannot be passed on; remedy: return a list")
    try:
        return inspect.signature(function)
    except ValueError as error:  # some functions written in C
        raise UsageError(f"tool {name!r} does not tell its parameters; remedy: wrap it in a def") from error


def _hints(name: str, function: Callable[..., Any], local: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(_definition(function), localns=dict(local), include_extras=True)
    except (NameError, AttributeError, TypeError, SyntaxError) as error:
        raise UsageError(
            f"tool {name!r}: a type hint cannot be resolved ({error}); remedy: define it before the tool"
        ) from error


def _definition(function: Any) -> Callable[..., Any]:
    """The `def` behind a partial or a callable object: where the hints and the docstring are."""
    while isinstance(function, partial):
        function = cast("partial[Any]", function).func
    return function if inspect.isroutine(function) or isinstance(function, type) else type(function).__call__
