"""JSON schemas that come from elsewhere, as Python: names that can be typed, type hints, signatures."""

from __future__ import annotations

import inspect
import keyword
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, cast

from codeact.tools.base import name_problem
from codeact.tools.signature import Verbatim, value_text
from codeact.types import JSON

SCALARS = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
DEEPEST = 8  # levels of nesting that are spelled out; also what ends a schema that refers to itself


def tool_name(remote: str, taken: Collection[str]) -> str:
    """A Python name for a tool: `get-user` becomes `get_user`, `list` becomes `list_`."""
    name = re.sub(r"\W", "_", remote, flags=re.ASCII).strip("_") or "tool"
    if name[0].isdigit():
        name = f"tool_{name}"
    if name_problem(name):
        name += "_"
    return _unique(name, taken)


def parameter_names(schema: Mapping[str, JSON]) -> dict[str, str]:
    """The Python name of each property, by its key. Required ones come first, as Python wants it."""
    required = _required(schema)
    keys = sorted(schema.get("properties", {}), key=lambda key: key not in required)
    names: dict[str, str] = {}
    for key in keys:
        name = re.sub(r"\W", "_", key, flags=re.ASCII)
        if not name or name[0].isdigit():
            name = f"_{name}"
        names[key] = _unique(f"{name}_" if keyword.iskeyword(name) else name, names.values())
    return names


def signature_of(schema: Mapping[str, JSON]) -> tuple[inspect.Signature, dict[str, Any]]:
    """The signature of a call with these properties, and the hint of each parameter, both as source text.

    A property that may be left out has its default, or None, which then stands for not given.
    """
    parameters: list[inspect.Parameter] = []
    hints: dict[str, Any] = {}
    for key, name in parameter_names(schema).items():
        kind, default = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.empty
        text = type_of(schema["properties"][key], schema)
        if key not in _required(schema):
            inner = _object(schema["properties"][key])
            default = Verbatim(value_text(inner["default"]) if "default" in inner else "None")
            if default.text == "None" and text != "Any" and "None" not in text.split(" | "):
                text += " | None"
        hints[name] = Verbatim(text)
        parameters.append(inspect.Parameter(name, kind, default=default))
    if schema.get("additionalProperties") and "more" not in hints:
        parameters.append(inspect.Parameter("more", inspect.Parameter.VAR_KEYWORD))
    return inspect.Signature(parameters), hints


def renamed(schema: Mapping[str, JSON]) -> dict[str, JSON]:
    """The schema with the properties under their Python names, so that every action space uses the same ones."""
    names = parameter_names(schema)
    return {
        **schema,
        "type": "object",
        "properties": {name: schema["properties"][key] for key, name in names.items()},
        "required": [name for key, name in names.items() if key in _required(schema)],
    }


def arguments_doc(schema: Mapping[str, JSON]) -> str:
    """An `Args:` section from the properties' descriptions, with the keys of those that are dicts."""
    lines: list[str] = []
    for key, name in parameter_names(schema).items():
        inner = schema["properties"][key]
        description = " ".join(str(_object(inner).get("description", "")).split())
        words = " ".join(filter(None, [description, _keys_text(inner, schema)]))
        if words:
            lines.append(f"    {name}: {words}")
    return "\n".join(["Args:", *lines]) if lines else ""


def type_of(schema: JSON, root: Mapping[str, JSON], depth: int = 0) -> str:
    """The Python type hint of what a schema accepts; `Any` where Python has none."""
    node = _resolved(schema, root)

    def union(options: Iterable[JSON]) -> str:
        texts = (type_of(option, root, depth + 1) for option in options)
        parts = list(dict.fromkeys(part for text in texts for part in text.split(" | ")))
        return "Any" if "Any" in parts else " | ".join(parts)

    if depth > DEEPEST:
        return "Any"
    if "const" in node or "enum" in node:
        return _literal(node)
    if several := node.get("anyOf") or node.get("oneOf"):
        return union(several)
    if len(node.get("allOf", ())) == 1:
        return union(node["allOf"])
    match node.get("type"):
        case list():
            return union({**node, "type": kind} for kind in node["type"])
        case "array":
            return f"list[{type_of(node['items'], root, depth + 1)}]" if "items" in node else "list"
        case "object":
            values = _object(node.get("additionalProperties"))
            plain_map = values and not node.get("properties")
            return f"dict[str, {type_of(values, root, depth + 1)}]" if plain_map else "dict"
        case kind:
            return SCALARS.get(str(kind), "Any")


def _literal(node: Mapping[str, JSON]) -> str:
    values: list[JSON] = [node["const"]] if "const" in node else list(node["enum"])
    if not values or not all(value is None or isinstance(value, (str, int, bool)) for value in values):
        return "Any"
    return f"Literal[{', '.join(map(value_text, values))}]"


def _keys_text(schema: JSON, root: Mapping[str, JSON]) -> str:
    """`{"id": int, "note": NotRequired[str]}` of an object, or of the objects in a list."""
    node = _resolved(schema, root)
    if node.get("type") == "array":
        node = _resolved(node.get("items"), root)
    if not node.get("properties"):
        return ""
    keys: list[str] = []
    for key, inner in node["properties"].items():
        text = type_of(inner, root)
        keys.append(f'"{key}": {text if key in _required(node) else f"NotRequired[{text}]"}')
    return f"{{{', '.join(keys)}}}"


def _resolved(schema: JSON, root: Mapping[str, JSON]) -> dict[str, JSON]:
    """The schema, or what its `$ref` within the document points to. Empty accepts anything."""
    node = _object(schema)
    for _ in range(DEEPEST):
        if "$ref" not in node:
            return node
        place: JSON = root
        for part in str(node["$ref"]).removeprefix("#").strip("/").split("/"):
            place = _object(place).get(part.replace("~1", "/").replace("~0", "~"))
        node = _object(place)
    return {}


def _object(value: JSON) -> dict[str, JSON]:
    return cast("dict[str, JSON]", value) if isinstance(value, dict) else {}


def _required(schema: Mapping[str, JSON]) -> Collection[str]:
    return schema.get("required") or ()


def _unique(name: str, taken: Collection[str]) -> str:
    candidate, number = name, 1
    while candidate in taken:
        number += 1
        candidate = f"{name}_{number}"
    return candidate
