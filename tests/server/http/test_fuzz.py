"""Requests made from the application's own description, right and wrong: never a failure, always as described."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .conftest import Users

pytestmark = pytest.mark.anyio

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=5,
)
SKIPPED = {"/sessions/{id}/events"}  # it does not end


def fitting(schema: Mapping[str, Any], whole: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """Values that a schema describes, as far as it matters here."""
    if "$ref" in schema:
        return fitting(whole["components"]["schemas"][schema["$ref"].rpartition("/")[2]], whole)
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "anyOf" in schema:
        return st.one_of([fitting(each, whole) for each in schema["anyOf"]])
    match schema.get("type"):
        case "object":
            needed = set(schema.get("required", ()))
            fields = {name: fitting(each, whole) for name, each in schema.get("properties", {}).items()}
            return st.fixed_dictionaries(
                {name: each for name, each in fields.items() if name in needed},
                optional={name: each for name, each in fields.items() if name not in needed},
            )
        case "array":
            return st.lists(fitting(schema["items"], whole), max_size=3)
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


@st.composite
def requests(draw: st.DrawFn, whole: Mapping[str, Any], id: str) -> dict[str, Any]:
    path = draw(st.sampled_from(sorted(whole["paths"].keys() - SKIPPED)))
    method = draw(st.sampled_from(sorted(whole["paths"][path])))
    operation = whole["paths"][path][method]
    wrong = draw(st.sampled_from([False, False, True]))
    params: dict[str, Any] = {}
    filled = path
    for each in operation.get("parameters", ()):
        value = draw(st.text(max_size=20) if wrong else fitting(each["schema"], whole))
        if each["in"] == "path":
            known = each["name"] == "id" and draw(st.booleans())
            filled = filled.replace(
                f"{{{each['name']}}}", id if known else quote(value or "-", safe="", errors="replace")
            )
        elif each["in"] == "query" and value is not None and (each.get("required") or draw(st.booleans())):
            params[each["name"]] = value
    described = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    body = draw(JSON if wrong or described is None else fitting(described, whole))
    return {"described": operation, "method": method.upper(), "url": filled, "params": params, "json": body}


def generated(strategy: st.SearchStrategy[dict[str, Any]]) -> list[dict[str, Any]]:
    """Hypothesis runs a test function itself, and does not get along with fixtures that are async: so it only makes."""
    made: list[dict[str, Any]] = []

    @given(strategy)
    def make(request: dict[str, Any]) -> None:
        made.append(request)

    make()
    return made


async def test_any_request_is_answered_as_it_is_described(users: Users) -> None:
    async with users.by("ann") as ann:
        whole = users.application.openapi()
        session = (await ann.post("/sessions", json={})).json()["id"]
        for request in generated(requests(whole, session)):
            described = request.pop("described")
            answer = await ann.request(**request)
            assert answer.status_code < 500, (request, answer.text)
            assert str(answer.status_code) in {*described["responses"], "404", "405"}, (request, answer.text)
            assert "default-src 'none'" in answer.headers["content-security-policy"]
            if answer.status_code >= 400:
                assert answer.headers["content-type"] == "application/problem+json"
                assert answer.json()["status"] == answer.status_code


async def test_the_description_is_whole(users: Users) -> None:
    """Each operation has a name of its own, words, the errors it may give, and who may ask."""
    whole = users.application.openapi()
    operations = [(path, each) for path, item in whole["paths"].items() for each in item.values()]
    names = [each["operationId"] for _, each in operations]
    assert len(set(names)) == len(names)
    for path, each in operations:
        public = path.startswith(("/shared/", "/healthz", "/readyz"))
        assert ("security" in each) is not public, path
        assert "401" in each["responses"]
        assert "application/problem+json" in each["responses"]["404"]["content"]
