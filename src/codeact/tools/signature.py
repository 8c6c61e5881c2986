"""Type hints and defaults as a model should see them: short, in Python syntax, and true inside the box.

The box has none of the host's classes, so an enum shows as the `Literal` of its values, and what is a dataclass, a
pydantic model or a `TypedDict` in the host is a dict there, described by its keys.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum, EnumType
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,
    Required,
    TypeGuard,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
)

from pydantic import BaseModel
from pydantic_core import PydanticUndefined


@dataclasses.dataclass(frozen=True, slots=True)
class Verbatim:
    """Source text that stands for itself where `inspect.Signature` would print a `repr`."""

    text: str

    def __repr__(self) -> str:
        return self.text


def signature_text(signature: inspect.Signature, hints: Mapping[str, Any]) -> str:
    """`(country: str, *, top: int = 5) -> list[str]`. `hints` are the resolved annotations, `return` among them."""
    parameters = [
        parameter.replace(
            annotation=Verbatim(type_text(hints[parameter.name])) if parameter.name in hints else parameter.empty,
            default=parameter.empty
            if parameter.default is parameter.empty
            else Verbatim(value_text(parameter.default)),
        )
        for parameter in signature.parameters.values()
    ]
    returns = Verbatim(type_text(hints["return"])) if "return" in hints else signature.empty
    return str(signature.replace(parameters=parameters, return_annotation=returns))


def parameters_text(signature: inspect.Signature, hints: Mapping[str, Any]) -> str:
    """`country: str, *, top: int = 5`."""
    hints = {name: hint for name, hint in hints.items() if name != "return"}
    return signature_text(signature.replace(return_annotation=signature.empty), hints)[1:-1]


def type_text(hint: Any) -> str:
    """One type hint in Python syntax, without module names."""
    origin, args = get_origin(hint), get_args(hint)
    if hint is None or hint is types.NoneType:
        return "None"
    if origin in (Annotated, Required):
        return type_text(args[0])
    if origin is Literal:
        return _literal(args)
    if origin in (Union, types.UnionType):
        return " | ".join(dict.fromkeys(type_text(arg) for arg in args))
    if isinstance(hint, EnumType):
        return _literal(tuple(cast("Iterable[Any]", hint)))
    if isinstance(hint, TypeVar):
        return type_text(hint.__bound__) if hint.__bound__ else "Any"
    if inner := getattr(hint, "__supertype__", None) or getattr(hint, "__value__", None):  # NewType, `type X = …`
        return type_text(inner)
    if origin is not None:
        return _generic(hint, origin, args)
    return hint.__name__ if isinstance(hint, type) else str(hint).replace("typing.", "")


def value_text(value: Any) -> str:
    """A default value as source; `...` where it has no literal form."""
    if isinstance(value, Enum):
        return value_text(value.value)
    text = repr(value)
    try:
        ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return "..."
    return text


def records_text(hints: Mapping[str, Any]) -> str:
    """A line for each class among the hints that is a dict inside the box: `Order is a dict: {"id": int}`."""
    seen: dict[type, str] = {}
    for hint in hints.values():
        _collect_records(hint, seen)
    return "\n".join(seen.values())


def _literal(values: tuple[Any, ...]) -> str:
    return f"Literal[{', '.join(value_text(value) for value in values)}]"


def _generic(hint: Any, origin: Any, args: tuple[Any, ...]) -> str:
    name = getattr(origin, "__name__", str(origin))
    if origin is NotRequired:
        name = "NotRequired"
    if origin is Callable or any(isinstance(arg, list) for arg in args):
        return name
    inner = ", ".join("..." if arg is ... else type_text(arg) for arg in args) or "()"
    return f"{name}[{inner}]"


def _collect_records(hint: Any, seen: dict[type, str]) -> None:
    args = get_args(hint)
    for arg in args[:1] if get_origin(hint) is Annotated else args:  # what follows in `Annotated` is no type
        _collect_records(arg, seen)
    if not _is_record(hint) or hint in seen:
        return
    seen[hint] = ""  # holds the place, also against classes that contain themselves
    fields = list(_fields(hint))
    keys = ", ".join(
        f'"{name}": {type_text(type_)}' + (f" = {default}" if default else "") for name, type_, default in fields
    )
    seen[hint] = f"{hint.__name__} is a dict: {{{keys}}}"
    for _, type_, _ in fields:
        _collect_records(type_, seen)


def _is_record(hint: Any) -> bool:
    return dataclasses.is_dataclass(hint) or _is_typed_dict(hint) or _is_model(hint)


def _is_typed_dict(hint: Any) -> bool:
    return hasattr(hint, "__required_keys__")  # `typing.is_typeddict` does not know those of typing_extensions


def _is_model(hint: Any) -> TypeGuard[type[BaseModel]]:
    return isinstance(hint, type) and issubclass(hint, BaseModel)


def _fields(record: Any) -> Iterator[tuple[str, Any, str]]:
    """Name, type and default (as text, empty for none) of each field."""
    hints = typing.get_type_hints(record, include_extras=True)
    if dataclasses.is_dataclass(record):
        for field in dataclasses.fields(record):
            made = field.default_factory is not dataclasses.MISSING
            default = "" if field.default is dataclasses.MISSING else value_text(field.default)
            yield field.name, hints[field.name], "..." if made else default
    elif _is_model(record):
        for name, field in record.model_fields.items():
            default = "..." if field.default is PydanticUndefined else value_text(field.default)
            yield field.alias or name, field.annotation, "" if field.is_required() else default
    else:
        required: frozenset[str] = getattr(record, "__required_keys__", frozenset())
        for name, hint in hints.items():
            bare = get_origin(hint) in (Required, NotRequired)
            yield name, hint if bare or name in required else NotRequired[hint], ""
