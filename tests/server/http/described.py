"""The application's own description: its operations, requests that fit them or nearly do, and what a refusal is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx2
from fastapi import FastAPI
from hypothesis import strategies as st

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=5,
)
MULTIPART = "multipart/form-data"


@dataclass(frozen=True, slots=True)
class Operation:
    """A method of a path."""

    method: str
    path: str
    described: Mapping[str, Any]
    whole: Mapping[str, Any]  # the description

    @property
    def parameters(self) -> Sequence[str]:
        """Of its path."""
        return re.findall(r"\{(\w+)\}", self.path)

    @property
    def accepts(self) -> Mapping[str, Any]:
        """Schemas of its body by media type."""
        content = self.described.get("requestBody", {}).get("content", {})
        return {kind: each["schema"] for kind, each in content.items()}

    @property
    def body(self) -> Mapping[str, Any] | None:
        """The schema of its JSON."""
        return resolved(self.accepts["application/json"], self.whole) if "application/json" in self.accepts else None

    def filled(self, ids: Mapping[str, str]) -> str:
        """Its address: an id for each parameter, by its name, or by the beginning of the paths that it is for."""
        known = {"id": "1", "digest": "0" * 64, **ids}
        here = [id for path, id in ids.items() if path.startswith("/") and self.path.startswith(path)]

        def value(found: re.Match[str]) -> str:
            return quote((here or [known.get(found[1], "")])[0] or "none", safe="", errors="replace")

        return re.sub(r"\{(\w+)\}", value, self.path) + ("?form=markdown" if self.path.endswith("/export") else "")

    def least(self) -> Any:
        """A body that fits, with no more than is needed."""
        return simplest(self.body, self.whole) if self.body is not None else None


def operations(application: FastAPI) -> Iterator[Operation]:
    whole = application.openapi()
    for path, item in whole["paths"].items():
        for method, described in item.items():
            yield Operation(method.upper(), path, described, whole)


def refusal(path: str, answer: httpx2.Response) -> None:
    """That an error has the form of the protocol that is spoken there, and no more than one line of words."""
    if path.startswith("/v1/"):
        error = answer.json()["error"]
        assert set(error) == {"message", "type", "param", "code"}, (path, answer.text)
        assert isinstance(error["message"], str)
        assert isinstance(error["type"], str)
    else:
        assert answer.headers["content-type"] == "application/problem+json", (path, answer.text)
        assert answer.json()["status"] == answer.status_code


def resolved(schema: Mapping[str, Any], whole: Mapping[str, Any]) -> Mapping[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    return resolved(whole["components"]["schemas"][name], whole) if name else schema


def simplest(schema: Mapping[str, Any], whole: Mapping[str, Any]) -> Any:
    """A value that a schema describes."""
    schema = resolved(schema, whole)
    if "anyOf" in schema:
        return simplest(schema["anyOf"][0], whole)
    if "const" in schema or "enum" in schema:
        return schema.get("const") or schema["enum"][0]
    match schema.get("type"):
        case "object":
            fields = schema.get("properties", {})
            return {name: simplest(fields[name], whole) for name in schema.get("required", ())}
        case "array":
            return [simplest(schema["items"], whole)] * schema.get("minItems", 0)
        case "string":
            return "x" * max(1, schema.get("minLength", 1))
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return True
        case _:
            return None


def fitting(schema: Mapping[str, Any], whole: Mapping[str, Any], name: str = "") -> st.SearchStrategy[Any]:
    """Values that a schema describes, as far as it matters here."""
    schema = resolved(schema, whole)
    if name == "model":
        return st.sampled_from(["codeact", "codeact+steps", "x"])
    if "const" in schema or "enum" in schema:
        return st.sampled_from(schema.get("enum") or [schema["const"]])
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return st.one_of([fitting(each, whole) for each in schema[several]])
    match schema.get("type"):
        case "object":
            needed = set(schema.get("required", ()))
            fields = {key: fitting(each, whole, key) for key, each in schema.get("properties", {}).items()}
            return st.fixed_dictionaries(
                {key: each for key, each in fields.items() if key in needed},
                optional={key: each for key, each in fields.items() if key not in needed},
            )
        case "array":
            return st.lists(fitting(schema["items"], whole), min_size=schema.get("minItems", 0), max_size=3)
        case "string":
            return st.text(min_size=schema.get("minLength", 0), max_size=min(40, schema.get("maxLength", 40)))
        case "integer":
            return st.integers(schema.get("minimum", -5), schema.get("maximum", 10**12))
        case "number":
            return st.floats(0.01, 2.0)
        case "boolean":
            return st.booleans()
        case _:
            return st.none()
