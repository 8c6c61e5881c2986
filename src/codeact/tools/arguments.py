"""The arguments of a tool: bound as Python does, checked by pydantic, refused in words a model can act on."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ConfigDict, PydanticSchemaGenerationError, PydanticUserError, TypeAdapter, ValidationError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import PydanticSerializationError, to_jsonable_python

from codeact.errors import ToolError, UsageError
from codeact.tools.signature import parameters_text
from codeact.types import JSON

NAMED = inspect.Parameter.POSITIONAL_OR_KEYWORD
POSITIONAL = inspect.Parameter.POSITIONAL_ONLY
KEYWORD = inspect.Parameter.KEYWORD_ONLY
MANY = inspect.Parameter.VAR_POSITIONAL
REST = inspect.Parameter.VAR_KEYWORD

SHOWN_PROBLEMS = 5
SHOWN_INPUT = 80  # characters of a refused value


@dataclass(frozen=True, slots=True)
class Arguments:
    """What a function accepts. `signature` is the function's own; `text` lists the parameters as a model sees them."""

    name: str
    signature: inspect.Signature
    adapters: Mapping[str, TypeAdapter[Any]]  # of the annotated parameters
    text: str

    def bind(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> inspect.BoundArguments:
        """Match, check and convert. JSON and text actions pass everything by name, so positional-only parameters and a
        `*rest` may be given by name too.

        Raises:
            ToolError: a `TypeError` that names what was wrong and lists the parameters.
        """
        known = self.signature.parameters
        if REST not in {parameter.kind for parameter in known.values()}:
            for name in kwargs:
                if name not in known:
                    raise self._refused(f"got an unexpected argument {name!r}")
        try:
            given = _nameable(self.signature, kwargs).bind(*args, **kwargs).arguments
        except TypeError as error:
            raise self._refused(_reworded(str(error))) from None
        bound = inspect.BoundArguments(self.signature, self._checked(given))  # pyright: ignore[reportArgumentType] -- typed as the OrderedDict that it was before 3.9
        bound.apply_defaults()
        return bound

    def schema(self, descriptions: Mapping[str, str]) -> dict[str, JSON]:
        """JSON schema of the arguments by name. A parameter without annotation accepts anything, and says so."""
        generated, definitions = TypeAdapter.json_schemas(
            [(name, "validation", adapter) for name, adapter in self.adapters.items()], schema_generator=_Lenient
        )
        properties: dict[str, JSON] = {}
        required: list[str] = []
        extra: JSON = False
        for name, parameter in self.signature.parameters.items():
            schema = dict(generated.get((name, "validation"), {}))
            if parameter.kind is REST:
                extra = schema or True
                continue
            if parameter.kind is MANY:
                schema = {"type": "array", "items": schema}
            elif parameter.default is parameter.empty:
                required.append(name)
            else:
                schema.update(_default(parameter.default))
            description = descriptions.get(name) or ("" if name in self.adapters else "Any value.")
            properties[name] = {**schema, **({"description": description} if description else {})}
        result: dict[str, JSON] = {"type": "object", "properties": properties, "required": required}
        return {**result, "additionalProperties": extra, **definitions}

    def _checked(self, given: Mapping[str, Any]) -> dict[str, Any]:
        checked: dict[str, Any] = {}
        problems: list[str] = []
        for name, value in given.items():
            try:
                checked[name] = self._convert(name, value)
            except ValidationError as error:
                problems += [_problem(name, details) for details in error.errors(include_url=False)]
        if problems:
            more = f"; and {len(problems) - SHOWN_PROBLEMS} more" if len(problems) > SHOWN_PROBLEMS else ""
            raise self._refused(f"cannot take these arguments: {'; '.join(problems[:SHOWN_PROBLEMS])}{more}")
        return checked

    def _convert(self, name: str, value: Any) -> Any:
        adapter = self.adapters.get(name)
        kind = self.signature.parameters[name].kind
        if kind is MANY:
            return tuple(adapter.validate_python(item) if adapter else item for item in value)
        if kind is REST:
            return {key: adapter.validate_python(item) if adapter else item for key, item in value.items()}
        return adapter.validate_python(value) if adapter else value

    def _refused(self, reason: str) -> ToolError:
        return ToolError(f"{self.name}() {reason}; parameters: {self.text or 'none'}", name="TypeError")


def arguments_of(name: str, signature: inspect.Signature, hints: Mapping[str, Any]) -> Arguments:
    """Raises `UsageError` for a type that no value could be checked against."""
    adapters = {
        parameter: _adapter(name, parameter, hints[parameter])
        for parameter in signature.parameters
        if parameter in hints
    }
    return Arguments(name=name, signature=signature, adapters=adapters, text=parameters_text(signature, hints))


class _Lenient(GenerateJsonSchema):
    """Accepts anything where JSON cannot express a type; the check itself stays. No titles: they cost tokens."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> JsonSchemaValue:
        return {}


def _adapter(tool: str, parameter: str, hint: Any) -> TypeAdapter[Any]:
    try:
        return TypeAdapter(hint)
    except PydanticSchemaGenerationError:
        pass  # a class pydantic does not know, such as a DataFrame: checked with isinstance
    except PydanticUserError as error:
        raise _bad_type(tool, parameter, error) from error
    try:
        return TypeAdapter(hint, config=ConfigDict(arbitrary_types_allowed=True))
    except PydanticUserError as error:
        raise _bad_type(tool, parameter, error) from error


def _bad_type(tool: str, parameter: str, error: PydanticUserError) -> UsageError:
    reason = str(error).splitlines()[0].rstrip(".")
    return UsageError(
        f"tool {tool!r}: values of parameter {parameter!r} cannot be checked ({reason}); use another type"
    )


def _nameable(signature: inspect.Signature, kwargs: Mapping[str, Any]) -> inspect.Signature:
    """The signature with every parameter that was given by name accepted by name."""

    def relaxed(parameter: inspect.Parameter) -> inspect.Parameter:
        if parameter.kind is POSITIONAL:
            return parameter.replace(kind=NAMED)
        if parameter.kind is MANY and isinstance(kwargs.get(parameter.name), (list, tuple)):
            return parameter.replace(kind=KEYWORD)
        return parameter

    return signature.replace(parameters=[relaxed(parameter) for parameter in signature.parameters.values()])


def _reworded(error: str) -> str:
    """`inspect`'s message as the rest of a sentence that begins with the tool's name."""
    return f"is {error}" if error.startswith("missing") else f"got {error}"


def _problem(name: str, details: Mapping[str, Any]) -> str:
    place = ".".join([name, *(str(part) for part in details["loc"])])
    value = repr(details["input"])
    shown = value if len(value) <= SHOWN_INPUT else f"{value[:SHOWN_INPUT]}…"
    return f"{place}: {details['msg'][0].lower()}{details['msg'][1:]}, got {shown}"


def _default(value: Any) -> dict[str, JSON]:
    try:
        return {"default": to_jsonable_python(value)}
    except PydanticSerializationError:
        return {}  # has no JSON form; that the parameter may be left out is all a caller needs
