"""Foreign JSON schemas as Python."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codeact.tools.base import name_problem
from codeact.tools.schema import arguments_doc, parameter_names, renamed, signature_of, tool_name, type_of
from codeact.tools.signature import signature_text

ROOT = {
    "$defs": {
        "User": {
            "type": "object",
            "properties": {"id": {"type": "integer"}, "name": {"type": "string"}},
            "required": ["id"],
        },
        "Loop": {"type": "array", "items": {"$ref": "#/$defs/Loop"}},
        "Self": {"$ref": "#/$defs/Self"},
        "a/b": {"type": "null"},
    }
}


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"type": "string"}, "str"),
        ({"type": "integer"}, "int"),
        ({"type": ["string", "null"]}, "str | None"),
        ({"anyOf": [{"type": "number"}, {"type": "null"}]}, "float | None"),
        ({"oneOf": [{"type": "number"}, {}]}, "Any"),
        ({"allOf": [{"type": "boolean"}]}, "bool"),
        ({"enum": ["a", 1, None]}, "Literal['a', 1, None]"),
        ({"const": "x"}, "Literal['x']"),
        ({"enum": [{}]}, "Any"),
        ({"type": "array"}, "list"),
        ({"type": "array", "items": {"type": "string"}}, "list[str]"),
        ({"type": "object"}, "dict"),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, "dict[str, int]"),
        ({"$ref": "#/$defs/User"}, "dict"),
        ({"$ref": "#/$defs/a~1b"}, "None"),
        ({"$ref": "#/nowhere/at/all"}, "Any"),
        ({"$ref": "#/$defs/Self"}, "Any"),
        (True, "Any"),
        ({}, "Any"),
        ({"type": "whatever"}, "Any"),
    ],
)
def test_types(schema: Any, text: str) -> None:
    assert type_of(schema, ROOT) == text


def test_a_schema_that_refers_to_itself_ends() -> None:
    assert type_of({"$ref": "#/$defs/Loop"}, ROOT).startswith("list[list[")


SCHEMA = {
    **ROOT,
    "properties": {
        "user-id": {"type": "integer", "description": "Whose\n account."},
        "class": {"type": "string", "default": "first"},
        "user_id": {"$ref": "#/$defs/User"},
        "2d": {"type": "boolean"},
        "friends": {"type": "array", "items": {"$ref": "#/$defs/User"}},
    },
    "required": ["user_id"],
}


def test_signature_of_awkward_names() -> None:
    signature, hints = signature_of(SCHEMA)
    assert signature_text(signature, hints) == (
        "(user_id: dict, user_id_2: int | None = None, class_: str = 'first', _2d: bool | None = None, "
        "friends: list[dict] | None = None)"
    )
    assert arguments_doc(SCHEMA) == (
        'Args:\n    user_id: {"id": int, "name": NotRequired[str]}\n    user_id_2: Whose account.\n'
        '    friends: {"id": int, "name": NotRequired[str]}'
    )


def test_the_schema_uses_the_same_names_as_the_signature() -> None:
    schema = renamed(SCHEMA)
    assert list(schema["properties"]) == list(parameter_names(SCHEMA).values())
    assert schema["required"] == ["user_id"]


@pytest.mark.parametrize(
    ("remote", "name"),
    [
        ("get-user", "get_user"),
        ("list", "list_"),
        ("3d.plot", "tool_3d_plot"),
        ("_private", "private"),
        ("???", "tool"),
        ("class", "class_"),
        ("größe", "gr__e"),
    ],
)
def test_tool_names(remote: str, name: str) -> None:
    assert tool_name(remote, ()) == name


def test_equal_names_are_numbered() -> None:
    assert tool_name("get user", ["get_user", "get_user_2"]) == "get_user_3"


@settings(deadline=None, max_examples=50)
@given(st.text())
def test_every_name_can_be_called(remote: str) -> None:
    assert name_problem(tool_name(remote, ())) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
leaves = st.booleans() | st.fixed_dictionaries(
    {},
    optional={"type": st.sampled_from(["string", "integer", "array", "object", "null", "odd"]), "default": json_values},
)
schemas = st.recursive(
    leaves,
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["array", "object"]),
            "items": inner,
            "anyOf": st.lists(inner, min_size=1, max_size=2),
            "enum": st.lists(st.text(max_size=3), max_size=2),
            "properties": st.dictionaries(st.text(max_size=4), inner, max_size=2),
            "additionalProperties": inner,
        },
    ),
    max_leaves=6,
)


@settings(deadline=None, max_examples=50)
@given(st.dictionaries(st.text(max_size=6), schemas, max_size=4), st.data())
def test_every_signature_is_python(properties: dict[str, Any], data: st.DataObject) -> None:
    required = data.draw(st.lists(st.sampled_from(sorted(properties)), unique=True)) if properties else []
    schema = {"type": "object", "properties": properties, "required": required}
    text = signature_text(*signature_of(schema))
    compile(f"from __future__ import annotations\ndef f{text}: ...", "<signature>", "exec")
    arguments_doc(schema)
